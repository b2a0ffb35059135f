package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// commits counts the commits of a store that nothing waits for.
type commits struct{ atomic.Int64 }

func (c *commits) Revision() int64 { return c.Load() }

func (c *commits) WaitAfter(ctx context.Context, _ int64) error {
	<-ctx.Done()
	return ctx.Err()
}

func collectionPercent() int {
	current := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(current)
	return int(current[0].Value.Uint64())
}

func TestGarbageIsLeftWhileEventsArriveQuickly(t *testing.T) {
	for name, c := range map[string]struct{ set, calm, busy int }{
		"default":     {100, 100, 200},
		"set by GOGC": {50, 50, 50},
	} {
		t.Run(name, func(t *testing.T) {
			defer debug.SetGCPercent(debug.SetGCPercent(c.set))
			synctest.Test(t, func(t *testing.T) {
				var store commits
				ctx, stop := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { paceGarbage(ctx, &store) })
				afterCommits := func(what string, n int64, want int) {
					t.Helper()
					synctest.Wait()
					store.Add(n)
					time.Sleep(busyInterval)
					synctest.Wait()
					if got := collectionPercent(); got != want {
						t.Errorf("%s: %d%%, want %d%%", what, got, want)
					}
				}
				afterCommits("nothing", 0, c.calm)
				afterCommits("a few events", 19, c.calm)
				afterCommits("many events", 20, c.busy)
				afterCommits("still many", 100, c.busy)
				afterCommits("a few again", 19, c.calm)
				afterCommits("many again", 20, c.busy)
				stop()
				running.Wait()
				if got := collectionPercent(); got != c.set {
					t.Errorf("%d%% at the end, want %d%%", got, c.set)
				}
			})
		})
	}
}
