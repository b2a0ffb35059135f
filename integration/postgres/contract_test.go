// Package postgres tests the engine for PostgreSQL with real servers.
package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/persistence/storetest"
)

var schemas atomic.Int64

// place is a schema of a server.
type place struct{ url, schema string }

// newPlace returns a schema that does not exist.
func newPlace(s *pgserver.Server) place {
	return place{s.URL("postgres", "postgres"), fmt.Sprintf("dora_%d", schemas.Add(1))}
}

func (p place) open(t testing.TB) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), p.url, p.schema, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestStore runs the contract that every engine must pass.
func TestStore(t *testing.T) {
	server := pgserver.Start(t, "fsync=off", "max_connections=200")
	storetest.Run(t, func(t *testing.T) storetest.Store {
		p := newPlace(server)
		return contractStore{p.open(t), p}
	})
}

// TestShared runs the contract of stores that several processes have open.
func TestShared(t *testing.T) {
	server := pgserver.Start(t, "fsync=off", "max_connections=200")
	storetest.RunShared(t, func(t *testing.T) (a, b storetest.Store) {
		p := newPlace(server)
		return contractStore{p.open(t), p}, contractStore{p.open(t), p}
	})
}

// contractStore is a Store as the contract sees it.
type contractStore struct {
	*postgres.Store
	place place
}

func (s contractStore) Client(name string) storetest.Client { return s.Store.Client(name) }

func (s contractStore) Reopen(t *testing.T) storetest.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return contractStore{s.place.open(t), s.place}
}

func (s contractStore) Snapshot(ctx context.Context, f func(storetest.Reader) error) error {
	return s.Store.Snapshot(ctx, func(r *sqlstore.Reader) error { return f(r) })
}

func (s contractStore) SetClock(ctx context.Context, reading, wall time.Time) error {
	return s.Store.SetClock(ctx, func() time.Time { return reading }, func() time.Time { return wall })
}

func (s contractStore) DeadLetters(ctx context.Context) ([]dora.StoredDelivery, error) {
	letters, err := s.Store.DeadLetters(ctx)
	var all []dora.StoredDelivery
	for _, l := range letters {
		d := dora.Delivery{ID: l.ID, Source: l.Source, Key: l.Key, Received: l.Received, Attempts: l.Attempts}
		all = append(all, dora.StoredDelivery{Delivery: d, State: dora.DeliverySetAside, LastError: l.Why})
	}
	return all, err
}

func (s contractStore) RetryDeadLetters(ctx context.Context, ids ...int64) (int64, error) {
	return postgres.Retry(ctx, s.place.url, s.place.schema, ids...)
}
