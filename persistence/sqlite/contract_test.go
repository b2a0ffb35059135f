package sqlite

import (
	"context"
	"errors"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/persistence/storetest"
)

// TestStore runs the contract that every engine must pass.
func TestStore(t *testing.T) {
	used := &usedStatements{all: map[string]bool{}}
	storetest.Run(t, func(t *testing.T) storetest.Store {
		s := openStore(t)
		t.Cleanup(func() { used.collect(s) }) // before it is closed
		t.Cleanup(func() { wantChecksums(t, s.path) })
		return contractStore{s, used}
	})
	t.Run("plans", used.check)
}

// wantChecksums checks that all statements have left rows that match their checksums.
func wantChecksums(t *testing.T, path string) {
	t.Helper()
	r, err := newReader(path)
	if err == nil {
		err = errors.Join(r.CheckRecords(context.Background(), 0), r.Close())
	}
	if err != nil {
		t.Error(err)
	}
}

// contractStore is a Store as the contract sees it.
type contractStore struct {
	*Store
	used *usedStatements
}

func (s contractStore) Client(name string) storetest.Client { return s.Store.Client(name) }

func (s contractStore) Reopen(t *testing.T) storetest.Store {
	t.Helper()
	s.used.collect(s.Store)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	reopened := reopenStore(t, s.path)
	t.Cleanup(func() { s.used.collect(reopened) })
	return contractStore{reopened, s.used}
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
	return Retry(ctx, s.path, ids...)
}
