package sqlite

import (
	"errors"
	"testing"

	"dora-exporter/persistence/sqlstore"
)

// The receivers tell a full backlog from a store that fails by its error.
func TestFullBacklogIsErrBacklog(t *testing.T) {
	s := openStore(t)
	accept(t, s, "a")
	if err := s.LimitBacklog(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), delivery("b")); !errors.Is(err, sqlstore.ErrBacklog) {
		t.Errorf("Accept = %v, want ErrBacklog", err)
	}
	if err := s.Err(); !errors.Is(err, sqlstore.ErrBacklog) {
		t.Errorf("Err = %v, want ErrBacklog", err)
	}
}

func TestRetryWithoutADatabase(t *testing.T) {
	s := openStore(t)
	if n, err := Retry(t.Context(), s.path+".none"); err == nil {
		t.Errorf("Retry = %d, want an error", n)
	}
}
