package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"dora-exporter/dora"
)

// RunShared checks what an engine must do whose store several processes have open at the same time. open returns two open stores of the
// same new, empty database.
func RunShared(t *testing.T, open func(t *testing.T) (a, b Store)) {
	for name, rule := range map[string]func(t *testing.T, a, b Store){
		"exclusive": onTheirQueues(claimsAreExclusive),
		"lapse":     onTheirQueues(leasesLapse),
		"extend":    onTheirQueues(leasesAreExtended),
		"release":   onTheirQueues(leasesAreReleased),
		"alternate": processesAlternate,
		"keys":      processesAcceptTheSame,
		"lost":      processLosesItsLease,
		"scope":     processesEvaluateAScopeInTurn,
		"wake":      processesWakeEachOther,
		"positions": processesShareThePositions,
		"removed":   processesKnowWhatWasRemoved,
		"sums":      processesSaveSums,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := open(t)
			rule(t, a, b)
		})
	}
}

// Each process changes what the other one has stored a moment ago, and reads it in its transaction.
func processesAlternate(t *testing.T, a, b Store) {
	stores := []Store{a, b}
	for i := range 20 {
		s := stores[i%2]
		d := success(1, i)
		d.SHA, d.Team = fmt.Sprintf("%040x", i), fmt.Sprint("team ", i)
		update(t, s, func(tx dora.Tx) error {
			if i > 0 {
				before, known, err := tx.History().Deployment(d.Key())
				if err != nil || !known || before.Team != fmt.Sprint("team ", i-1) {
					t.Errorf("change %d finds team %q, %t, %v", i, before.Team, known, err)
				}
				run, known, err := tx.History().Previous(d.Scope(), dora.Moment{At: minute(99), ID: 1})
				if err != nil || !known || !run.At.Equal(minute(i-1)) {
					t.Errorf("change %d finds the run at %v, %t, %v", i, run.At, known, err)
				}
			}
			if err := tx.Deployments().Save(d); err != nil {
				return err
			}
			_, err := tx.Facts().Add(dora.Fact{Family: dora.DeploymentsTotal, Labels: dora.Labels{"team": d.Team}, Value: 1, At: minute(i), Subject: d.Key() + fmt.Sprint("/", i)})
			return err
		})
		stale := map[string]bool{}
		err := stores[(i+1)%2].StoredDays(t.Context(), func(days dora.StoredDays) error {
			all, err := days.Stale()
			for scope := range all {
				stale[scope] = true
			}
			return err
		})
		if err != nil || !stale[d.Scope()] {
			t.Errorf("after change %d the stale scopes are %v, %v", i, stale, err)
		}
		update(t, stores[(i+1)%2], func(tx dora.Tx) error { // the other one has made the days anew
			return tx.Days().Save(dora.DayChanges{Stale: map[string]time.Time{d.Scope(): {}}})
		})
	}
	same(t, "facts", int64(20), must[int64](t)(b.LastPosition(t.Context())))
}

// The same deliveries arrive at both: each is stored once.
func processesAcceptTheSame(t *testing.T, a, b Store) {
	const keys = 200
	var mu sync.Mutex
	stored := map[string]int{}
	var wait sync.WaitGroup
	for n, s := range []Store{a, b, a, b} {
		wait.Go(func() {
			for i := range keys {
				key := fmt.Sprintf("repository %d/status/%d", (i+n)%7, (i*(n+1))%keys)
				duplicate, err := s.Accept(t.Context(), delivery(key))
				if err != nil {
					t.Errorf("Accept(%s): %v", key, err)
				}
				if !duplicate {
					mu.Lock()
					stored[key]++
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	for key, n := range stored {
		if n != 1 {
			t.Errorf("%s was stored %d times", key, n)
		}
	}
	same(t, "pending", len(stored), len(pending(t, a, minute(0))))
}

// onTheirQueues runs a rule about claims for each kind of work, with a client of each process.
func onTheirQueues(rule func(t *testing.T, s Store, q queue, a, b work)) func(t *testing.T, a, b Store) {
	return func(t *testing.T, a, b Store) {
		for _, q := range queues() {
			t.Run(q.name, func(t *testing.T) { rule(t, a, q, q.open(a.Client("c")), q.open(b.Client("c"))) })
		}
	}
}

// A process whose lease has lapsed can't end work that another one has ended or is doing.
func processLosesItsLease(t *testing.T, a, b Store) {
	for _, q := range queues() {
		q.add(t, a, minute(0), "1", "2")
		first, second := q.open(a), q.open(b)
		same(t, q.name+" of the first", 2, len(first.claim(t, minute(0), time.Minute, 9)))
		same(t, q.name+" of the second", 2, len(second.claim(t, minute(1), time.Minute, 9)))
		update(t, b, func(tx dora.Tx) error { return second.end(tx, "1") })
		second.release(t, "1")
		for _, name := range []string{"1", "2"} {
			for what, change := range map[string]func(tx dora.Tx) error{
				"end":   func(tx dora.Tx) error { return first.end(tx, name) },
				"again": func(tx dora.Tx) error { return first.again(tx, name, minute(3)) },
			} {
				if err := a.Update(t.Context(), change); !errors.Is(err, dora.ErrLeaseLost) {
					t.Errorf("%s: %s of %s = %v, want ErrLeaseLost", q.name, what, name, err)
				}
			}
		}
		first.release(t, "1", "2")
		update(t, b, func(tx dora.Tx) error { return second.end(tx, "2") })
		second.release(t, "2")
	}
}

// While a process evaluates a deployment, no other one evaluates an earlier one of the scope that arrives meanwhile.
func processesEvaluateAScopeInTurn(t *testing.T, a, b Store) {
	addComparisons(t, a, 0, success(2, 2))
	claimed := must[[]dora.Evaluation](t)(a.ComparisonQueue().Claim(t.Context(), minute(0), time.Hour, 9))
	addComparisons(t, b, 0, success(1, 1))
	same(t, "the evaluations of the first process", 1, len(claimed))
	same(t, "what the second one can claim meanwhile", 0, len(must[[]dora.Evaluation](t)(b.ComparisonQueue().Claim(t.Context(), minute(0), time.Hour, 9))))
	update(t, a, func(tx dora.Tx) error { return tx.Evaluations().Retry(claimed[0]) })
	if err := a.ComparisonQueue().Release(t.Context(), claimed...); err != nil {
		t.Fatal(err)
	}
	next := must[[]dora.Evaluation](t)(b.ComparisonQueue().Claim(t.Context(), minute(0), time.Hour, 9))
	if len(next) != 1 || next[0].ID != 1 {
		t.Errorf("afterwards the second one claims %+v, want the earlier deployment", next)
	}
}

// A process notices what another one commits.
func processesWakeEachOther(t *testing.T, a, b Store) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range 5 {
		revision := b.Revision()
		if i%2 == 0 {
			accept(t, a, fmt.Sprint(i))
		} else {
			addFacts(t, a, fact(fmt.Sprint(i)))
		}
		if err := b.WaitAfter(ctx, revision); err != nil {
			t.Fatalf("commit %d: %v", i, err)
		}
	}
}

// Eight writers of two processes add facts: readers find all positions in their order, at any time.
func processesShareThePositions(t *testing.T, a, b Store) {
	const writers, each = 8, 25
	stop := make(chan struct{})
	var writing, reading sync.WaitGroup
	for _, s := range []Store{a, b} {
		reading.Go(func() {
			for last := int64(0); last < writers*each; {
				written := false
				select {
				case <-stop:
					written = true
				default:
				}
				facts, err := s.Facts(t.Context(), last, 10) // an error if a position is missing
				if err != nil {
					t.Errorf("facts after %d: %v", last, err)
					return
				}
				last += int64(len(facts))
				if written && len(facts) == 0 && last < writers*each {
					t.Errorf("%d facts are there", last)
					return
				}
			}
		})
	}
	for w := range writers {
		s := []Store{a, b}[w%2]
		writing.Go(func() {
			for i := range each {
				err := s.Update(t.Context(), func(tx dora.Tx) error {
					_, err := tx.Facts().Add(fact(fmt.Sprintf("writer %d/%d", w, i)))
					return err
				})
				// What is undone leaves no gap.
				undone := s.Update(t.Context(), func(tx dora.Tx) error {
					_, _ = tx.Facts().Add(fact(fmt.Sprintf("undone %d/%d", w, i)))
					return errRule
				})
				if err != nil || !errors.Is(undone, errRule) {
					t.Errorf("writer %d: %v, %v", w, err, undone)
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	reading.Wait()
}

// What one process has removed is not taken again by the other.
func processesKnowWhatWasRemoved(t *testing.T, a, b Store) {
	accept(t, b, "kept before")
	accept(t, a, "removed")
	addFacts(t, a, fact("x/1"), fact("x/2"), fact("x/3"))
	for _, d := range peek(t, a.DeliveryQueue(), minute(0)) {
		update(t, a, func(tx dora.Tx) error { return tx.Deliveries().Done(d.ID) })
	}
	update(t, a, func(tx dora.Tx) error {
		if _, err := tx.Removal().RemoveDeliveries(limit, limit); err != nil {
			return err
		}
		_, err := tx.Removal().RemoveFacts(2, minute(0), limit)
		return err
	})
	if duplicate, err := b.Accept(t.Context(), delivery("removed")); !duplicate || err != nil {
		t.Errorf("Accept of what was removed = %t, %v; want a duplicate", duplicate, err)
	}
	update(t, b, func(tx dora.Tx) error {
		if added, err := tx.Facts().Add(fact("x/1")); added || err != nil {
			t.Errorf("adding a fact that was removed = %t, %v", added, err)
		}
		return nil
	})
}

// Sums that one process saves are not replaced by older ones of the other.
func processesSaveSums(t *testing.T, a, b Store) {
	addFacts(t, a, fact("x/1"), fact("x/2"))
	for _, step := range []struct {
		store          Store
		position, want int64
	}{{a, 1, 1}, {b, 2, 2}, {a, 1, 2}, {a, 2, 2}} {
		state := dora.State{}
		if err := state.Add(dora.FamiliesByName(), fact("x/1")); err != nil {
			t.Fatal(err)
		}
		if err := step.store.SaveSums(t.Context(), dora.Sums{Position: step.position, State: state, Bounds: dora.BoundsOf(dora.Families())}); err != nil {
			t.Fatal(err)
		}
		for _, s := range []Store{a, b} {
			same(t, "the position of the sums", step.want, must[dora.Sums](t)(s.Sums(t.Context())).Position)
		}
	}
}
