package postgres

import (
	"log/slog"
	"testing"

	"dora-exporter/integration/pgserver"
	"dora-exporter/persistence/postgres"
)

// A server shares the store with those that run, not with one that has stopped nor with a command that has ended.
func TestIsShared(t *testing.T) {
	url := pgserver.Start(t, "fsync=off").URL("postgres", "postgres")
	open := func() *postgres.Store {
		s, err := postgres.Open(t.Context(), url, "dora", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	first, second := open(), open()
	if !second.IsShared() {
		t.Error("the second server does not notice the first one")
	}
	for _, s := range []*postgres.Store{first, second} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if third := open(); third.IsShared() {
		t.Error("a server that has stopped counts as running")
	} else if err := third.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Retry(t.Context(), url, "dora"); err != nil {
		t.Fatal(err)
	}
	if fourth := open(); fourth.IsShared() {
		t.Error("a command that has ended counts as a server")
	}
}
