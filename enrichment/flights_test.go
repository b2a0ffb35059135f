package enrichment

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestCallersShareALookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := withPull()
		f.intercept = func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(40 * time.Millisecond)
			return false
		}
		g := newInProcess(t, f, Options{})
		// The first caller leaves while the others wait.
		ctx, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := g.Origin(ctx, theCommit); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v for the one that left", err)
			}
		})
		synctest.Wait()
		for range 10 {
			all.Go(func() {
				if got, err := g.Origin(t.Context(), theCommit); err != nil || got.PullRequest != 109 {
					t.Errorf("origin %+v, error %v", got, err)
				}
			})
		}
		all.Wait()
		if calls := f.asked(); len(calls) != 2 {
			t.Errorf("%d calls, want 2: %q", len(calls), calls)
		}
		other := theCommit
		other.OnDefaultBranch = true
		if _, err := g.Origin(t.Context(), other); err != nil {
			t.Error(err)
		}
		if calls := f.asked(); len(calls) != 4 || len(g.flights.running) != 0 {
			t.Errorf("%d calls, want 4; %d look-ups still running", len(calls), len(g.flights.running))
		}
	})
}

func TestLookUpWithoutCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := time.Duration(0)
		start := time.Now()
		g := newInProcess(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			ended = time.Since(start)
		}), Options{})
		var all sync.WaitGroup
		for n := range 3 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n+1)*time.Second)
				defer cancel()
				if _, err := g.Origin(ctx, theCommit); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v", err)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if ended != 3*time.Second {
			t.Errorf("the call ended after %s, want 3s", ended)
		}
	})
}
