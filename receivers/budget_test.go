package receivers

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Many hold a part of the budget and all want more: the oldest give up, the others get what they want, and nobody waits longer
// than allowed.
func TestBudgetHasNoDeadlock(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			b := newBudget(100)
			var mu sync.Mutex
			outcomes := map[error]int{}
			var wait sync.WaitGroup
			for range 200 {
				delay := time.Duration(random.IntN(3000)) * time.Millisecond
				pieces, pause := 1+random.IntN(20), time.Duration(random.IntN(3))*time.Second
				wait.Go(func() {
					time.Sleep(delay)
					began := time.Now()
					reading := make(chan struct{})
					var once sync.Once
					s := b.share(func() { once.Do(func() { close(reading) }) })
					defer s.release()
					var err error
					for range pieces {
						if err = s.grow(t.Context(), 5); err != nil {
							break
						}
						select { // a read, which ends when the share is reclaimed
						case <-time.After(pause):
						case <-reading:
						}
					}
					if waited := time.Since(began); waited > time.Duration(pieces)*pause+maxMemoryWait {
						t.Errorf("took %s", waited)
					}
					mu.Lock()
					defer mu.Unlock()
					outcomes[err]++
					b.mu.Lock()
					defer b.mu.Unlock()
					if b.used > b.limit {
						t.Errorf("%d of %d are used", b.used, b.limit)
					}
				})
			}
			wait.Wait()
			if b.used != 0 || b.waiting.Len() != 0 || b.holders.Len() != 0 {
				t.Errorf("left: used %d, %d waiting, %d holders", b.used, b.waiting.Len(), b.holders.Len())
			}
			for err := range outcomes {
				if err != nil && !errors.Is(err, errBudget) && !errors.Is(err, errReclaimed) {
					t.Errorf("failed: %v", err)
				}
			}
			if outcomes[nil] == 0 || outcomes[nil] == 200 {
				t.Errorf("%d of 200 got what they wanted: the test shows nothing", outcomes[nil])
			}
		})
	}
}

// A holder that stalls loses its memory to whoever waits, once it has had its time and not before; a verified one does not.
func TestBudgetIsReclaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(10)
		ended := false
		var stalled *memoryShare
		stalled = b.share(func() {
			ended = true
			go stalled.release() // its reader notices
		})
		if err := stalled.grow(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if ended {
			t.Fatal("it was reclaimed though nobody waits")
		}
		began := time.Now()
		next := b.share(func() {})
		if err := next.grow(t.Context(), 10); err != nil || !ended || time.Since(began) != 0 {
			t.Fatalf("next: %v after %s", err, time.Since(began))
		}
		third := b.share(func() { t.Error("the third was reclaimed") })
		if err := third.grow(t.Context(), 1); !errors.Is(err, errBudget) || time.Since(began) != maxMemoryWait {
			t.Fatalf("third: %v after %s, want %s", err, time.Since(began), maxMemoryWait)
		}
		if err := next.grow(t.Context(), 1); !errors.Is(err, errReclaimed) {
			t.Errorf("next wants more: %v", err)
		}
		next.release()

		exempt := b.share(func() { t.Error("a verified body was reclaimed") })
		if err := exempt.grow(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		exempt.exempt()
		last := b.share(func() {})
		if err := last.grow(t.Context(), 1); !errors.Is(err, errBudget) {
			t.Errorf("last: %v", err)
		}
		exempt.release()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := last.grow(ctx, 10); err != nil {
			t.Errorf("there is room: %v", err)
		}
		if err := third.grow(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		last.release()
		last.release()
		if b.used != 0 || b.waiting.Len() != 0 {
			t.Errorf("left: %d used, %d waiting", b.used, b.waiting.Len())
		}
	})
}

// Who gives up lets those go on that want less and came later, at once.
func TestBudgetServesThoseBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(10)
		verified := b.share(func() { t.Error("a verified body was reclaimed") })
		if err := verified.grow(t.Context(), 6); err != nil {
			t.Fatal(err)
		}
		verified.exempt()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		large, small := b.share(func() {}), b.share(func() {})
		gaveUp := make(chan error)
		go func() { gaveUp <- large.grow(ctx, 8) }()
		synctest.Wait()
		began := time.Now()
		if err := small.grow(t.Context(), 4); err != nil || time.Since(began) != time.Second {
			t.Errorf("the one behind: %v after %s, want after 1s", err, time.Since(began))
		}
		if err := <-gaveUp; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one that gives up: %v", err)
		}
	})
}
