package catalog

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A slow Backstage gets a few look-ups at a time. Those that have begun go on without their callers, the others are not made.
func TestSlowBackstage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		b := newBench(t, func(*http.Request) (int, string, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(9 * time.Second)
			now.Add(-1)
			return 200, platform, nil
		})
		ask := func(wait time.Duration) (answers int32) {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			defer cancel()
			var answered atomic.Int32
			var all sync.WaitGroup
			for i := range 100 {
				all.Go(func() {
					if team, err := b.RepositoryTeam(ctx, "api.github.com", "acme", fmt.Sprint("service-", i)); err == nil && team == "platform" {
						answered.Add(1)
					}
				})
			}
			all.Wait()
			return answered.Load()
		}
		if n := ask(3 * time.Second); n != 0 || b.calls.Load() != concurrentLookups {
			t.Errorf("%d answers and %d calls in three seconds, want none and %d", n, b.calls.Load(), concurrentLookups)
		}
		time.Sleep(10 * time.Second)
		if n := ask(3 * time.Second); n != concurrentLookups || b.calls.Load() != 2*concurrentLookups {
			t.Errorf("%d answers and %d calls ten seconds later, want %d and %d", n, b.calls.Load(), concurrentLookups, 2*concurrentLookups)
		}
		if n := ask(5 * time.Minute); n != 100 || b.calls.Load() != 100 || most.Load() != concurrentLookups {
			t.Errorf("%d answers, %d calls, %d at once in the end, want 100, 100, %d", n, b.calls.Load(), most.Load(), concurrentLookups)
		}
	})
}
