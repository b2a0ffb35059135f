package postgres

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
	"dora-exporter/internal/testexporter"
	"dora-exporter/persistence/postgres"
)

// While something else holds the store's lock, no facts can be written, but deliveries are stored, so that the replica stays ready.
func TestDeliveriesWhileLocked(t *testing.T) {
	t.Parallel()
	p := newPlace(pgserver.Start(t, "fsync=off"))
	var said testexporter.Buffer
	s, err := postgres.Open(t.Context(), p.url, p.schema, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })

	other, err := pgx.Connect(t.Context(), p.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close(context.Background()) })
	var key int64
	if err := s.Update(t.Context(), func(tx dora.Tx) error {
		if _, err := tx.Facts().Add(fact("first")); err != nil {
			return err
		}
		return other.QueryRow(t.Context(), "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory'").Scan(&key)
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(t.Context(), "SELECT pg_advisory_lock($1)", key); err != nil {
		t.Fatal(err)
	}

	added := make(chan error, 1)
	go func() { added <- addFact(t.Context(), s, "second") }()
	eventually(t, "the stall is logged", func() error {
		if !strings.Contains(said.String(), "committing to the store stalled, deliveries are stored and wait") {
			return errors.New(said.String())
		}
		return nil
	})
	if duplicate, err := s.Accept(t.Context(), delivery("meanwhile")); err != nil || duplicate {
		t.Errorf("Accept = %v, %v while facts wait", duplicate, err)
	}
	if err := s.Err(); err != nil {
		t.Errorf("not ready while facts wait: %v", err)
	}
	select {
	case err := <-added:
		t.Errorf("the fact was added (%v) without the lock", err)
	default:
	}

	if _, err := other.Exec(t.Context(), "SELECT pg_advisory_unlock($1)", key); err != nil {
		t.Fatal(err)
	}
	if err := <-added; err != nil {
		t.Error(err)
	}
	if n := positions(t, s); n != 2 {
		t.Errorf("%d facts, want 2", n)
	}
}
