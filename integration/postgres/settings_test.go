package postgres

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"dora-exporter/integration/pgserver"
	"dora-exporter/internal/testexporter"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/storetest"
)

// A server, a database or a role may have other defaults.
func TestOtherDefaults(t *testing.T) {
	server := pgserver.Start(t, "fsync=off", "max_connections=200", "default_transaction_isolation=serializable", "default_transaction_deferrable=on",
		"bytea_output=escape", "extra_float_digits=-15", "TimeZone=Asia/Kathmandu", "DateStyle=German", "IntervalStyle=sql_standard", "search_path=",
		"synchronous_commit=off", "lock_timeout=1s", "idle_in_transaction_session_timeout=1s")
	storetest.RunShared(t, func(t *testing.T) (a, b storetest.Store) {
		p := newPlace(server)
		return contractStore{p.open(t), p}, contractStore{p.open(t), p}
	})
	t.Run("replicas that start together", func(t *testing.T) { startTogether(t, newPlace(server)) })
}

// The server ends idle sessions. The next write gets another one, and nothing is logged as an error.
func TestIdleSessionsEnd(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	if server.Psql("postgres", "SELECT current_setting('server_version_num')::int < 140000") == "t" {
		t.Skip("it has no idle_session_timeout")
	}
	p := newPlace(server)
	var said testexporter.Buffer
	s, err := postgres.Open(t.Context(), p.url+"&options=-cidle_session_timeout%3D300", p.schema, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, key := range []string{"a", "b"} {
		if _, err := s.Accept(t.Context(), delivery(key)); err != nil {
			t.Error(err)
		}
		if err := addFact(t.Context(), s, key); err != nil {
			t.Error(err)
		}
		eventually(t, "idle sessions end", func() error {
			// The poll has the only session that is used all the time.
			if n := server.Psql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dora-exporter'"); n != "1" {
				return errors.New(n + " sessions are there")
			}
			return nil
		})
	}
	if _, err := s.Accept(t.Context(), delivery("c")); err != nil {
		t.Error(err)
	}
	if err := addFact(t.Context(), s, "c"); err != nil {
		t.Error(err)
	}
	if strings.Contains(said.String(), "failed") {
		t.Error(said.String())
	}
}
