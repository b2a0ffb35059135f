package pipeline_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence/teststore"
)

// blindStore does not notice commits, as if other servers had made them. fails is true while it can't be read.
type blindStore struct {
	*teststore.Store

	fails atomic.Bool
}

func (*blindStore) Revision() int64 { return 0 }

func (*blindStore) WaitAfter(ctx context.Context, _ int64) error {
	<-ctx.Done()
	return ctx.Err()
}

func (b *blindStore) Facts(ctx context.Context, after int64, limit int) ([]dora.Fact, error) {
	if b.fails.Load() {
		return nil, errors.New("connection lost")
	}
	return b.Store.Facts(ctx, after, limit)
}

// A caller that waits for the stored facts gets them at once, also those that the projection has not noticed.
func TestWaitCurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		projection, instruments := newProjection(t, store, filepath.Join(t.TempDir(), "dora-exporter.prom"))
		blind := &blindStore{Store: store}
		projection.Store, projection.Every = blind, time.Hour
		accept(t, store, status(1, "success", 0))
		process(t, store, platform{})
		if err := projection.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() { projection.Run(ctx); close(stopped) }()
		wait := func(want int64, wantErr error, within time.Duration) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			err := projection.WaitCurrent(ctx)
			if took := time.Since(began); !errors.Is(err, wantErr) || took != within {
				t.Errorf("WaitCurrent = %v after %s, want %v after %s", err, took, wantErr, within)
			}
			if got := deployments(instruments.State()); got != want {
				t.Errorf("%d deployments, want %d", got, want)
			}
		}
		wait(1, nil, 0)
		for id := int64(2); id <= 4; id++ {
			accept(t, store, status(id, "success", time.Duration(id)*time.Hour))
		}
		process(t, store, platform{})
		wait(4, nil, 0)
		if lag := projection.Lag(); lag != 0 {
			t.Errorf("%d facts behind", lag)
		}
		before := projection.Position()
		blind.fails.Store(true)
		accept(t, store, status(5, "success", 5*time.Hour))
		process(t, store, platform{})
		last, err := store.LastPosition(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wait(4, context.DeadlineExceeded, time.Second)
		if lag := projection.Lag(); lag != last-before || lag == 0 {
			t.Errorf("%d facts behind, want %d", lag, last-before)
		}
		blind.fails.Store(false)
		wait(5, nil, 0)
		cancel()
		<-stopped
	})
}
