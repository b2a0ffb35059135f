package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
)

// Work is claimed for a quarter of the places at a time. When it stops, all that has not ended can be claimed at once.
func TestPlacesAreFilledTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		for i := range 3 * pipeline.PoolSize {
			e := status(int64(i), dora.Success, 0)
			e.Status.Deployment.SHA = fmt.Sprintf("c0ffee%d", i)
			accept(t, store, e)
		}
		process(t, store, platform{})
		ctx, stop := context.WithCancel(t.Context())
		answers := make(chan struct{})
		github := &lookUp{answer: func(int64) (dora.Origin, error) {
			select {
			case <-answers:
				return dora.Origin{}, nil
			case <-ctx.Done():
				return dora.Origin{}, ctx.Err()
			}
		}}
		var running sync.WaitGroup
		running.Go(func() {
			(&pipeline.Lookups{Store: store, Enricher: github, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}).Run(ctx)
		})
		calls := func(what string, want int) {
			time.Sleep(2 * pipeline.Lease)
			if n := github.calls.Load(); n != int64(want) {
				t.Errorf("%d calls %s, want %d", n, what, want)
			}
		}
		calls("at first", pipeline.PoolSize)
		for range pipeline.PoolSize/4 - 1 {
			answers <- struct{}{}
		}
		calls("when nearly a quarter has ended", pipeline.PoolSize)
		answers <- struct{}{}
		calls("when a quarter has ended", pipeline.PoolSize/4*5)
		stop()
		running.Wait()
		queue := store.Client("another").LookupQueue()
		left, err := queue.Claim(t.Context(), time.Now(), pipeline.Lease, 3*pipeline.PoolSize)
		if want := 3*pipeline.PoolSize - pipeline.PoolSize/4; err != nil || len(left) != want {
			t.Errorf("%d look-ups can be claimed after the stop, want %d; %v", len(left), want, err)
		}
	})
}
