package enrichment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A limited number of calls is under way at once. Those that wait end with their callers.
func TestFewCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const commits = 3*concurrentCalls + 1
		var now, most atomic.Int32
		f := withPull()
		f.intercept = func(http.ResponseWriter, *http.Request) bool {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return false
		}
		g := newInProcess(t, f, Options{})
		impatient, leave := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer leave()
		var all sync.WaitGroup
		var left atomic.Int32
		look := func(ctx context.Context, i int) {
			c := theCommit
			c.SHA = fmt.Sprint("unknown-", i)
			if _, err := g.Origin(ctx, c); errors.Is(err, context.DeadlineExceeded) {
				left.Add(1)
			}
		}
		for i := range commits {
			all.Go(func() { look(t.Context(), i) })
		}
		synctest.Wait()
		if n := now.Load(); n != concurrentCalls {
			t.Errorf("%d calls are under way, want %d", n, concurrentCalls)
		}
		all.Go(func() { look(impatient, commits) })
		all.Wait()
		if most.Load() != concurrentCalls || left.Load() != 1 {
			t.Errorf("%d calls at once, want %d; %d callers have left, want 1", most.Load(), concurrentCalls, left.Load())
		}
	})
}

// Look-ups with large answers all end, although the calls of those that wait for their turn hold all slots.
func TestLargeAnswersOfManyLookUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := withPull()
		g := newInProcess(t, f, Options{})
		g.http.Transport.(*transport).inner = padded{inProcess{f}}
		var all sync.WaitGroup
		for range 2 * concurrentCalls {
			all.Go(func() {
				if got, err := g.PartialOrigin(t.Context(), theCommit); err != nil || got.PullRequest != 109 {
					t.Errorf("origin %+v, error %v", got, err)
				}
			})
		}
		all.Wait()
	})
}

// A look-up that has large answers does not wait for the call of another one, which waits for a slot, to learn whether a repository is accessible.
func TestAccessIsAskedWithTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := withPull()
		f.objects["/repos/"+home] = object{}
		g := newInProcess(t, f, Options{})
		for range concurrentCalls {
			g.slots <- struct{}{}
		}
		ctx, leave := context.WithCancel(t.Context())
		other := g.lookUp(ctx, theCommit)
		var waiting sync.WaitGroup
		waiting.Go(func() { _ = other.checkAccess(ctx, theCommit.Owner, theCommit.Repository) })
		synctest.Wait()
		l := g.lookUp(t.Context(), theCommit)
		if err := l.answers.Keep(t.Context(), 32<<20); err != nil {
			t.Fatal(err)
		}
		if err := l.checkAccess(t.Context(), theCommit.Owner, theCommit.Repository); err != nil {
			t.Error(err)
		}
		leave()
		waiting.Wait()
	})
}
