package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"dora-exporter/dora"
)

// A transaction whose function returns an error or panics leaves nothing behind, and takes nothing of its neighbours with it.
func undoRules() rules {
	return rules{
		"error":      func(t *testing.T, s Store) { everythingIsUndone(t, s, func() error { return errRule }) },
		"panic":      func(t *testing.T, s Store) { everythingIsUndone(t, s, func() error { panic("a bug") }) },
		"again":      undoneThenDone,
		"neighbours": neighboursAreKept,
		"changes":    changesAreKept,
		"context":    nothingAfterTheContext,
		"ended":      endedTransactions,
	}
}

// everythingIsUndone makes every kind of change in a transaction that fails, and compares everything that can be read.
func everythingIsUndone(t *testing.T, s Store, end func() error) {
	before := success(1, 1)
	accept(t, s, "a", "b")
	save(t, s, before)
	addFacts(t, s, fact("before"))
	update(t, s, func(tx dora.Tx) error {
		return errors.Join(tx.Evaluations().Add(evaluation(before, minute(1))),
			tx.Commits().AddLookup(dora.Lookup{Commit: commit("before")}), tx.Commits().Wait(dora.WaitingStatus{Commit: commit("before").Key(), Subject: "before"}))
	})
	ids := peek(t, s.DeliveryQueue(), minute(0))
	want := everything(t, s)
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		if err := changeEverything(tx, before, ids); err != nil {
			t.Error(err)
		}
		return end()
	})
	permanentError(t, "Update", err)
	same(t, "what can be read", want, everything(t, s))
	addFacts(t, s, fact("after")) // the store goes on
	inOrder(t, s, "before", "after")
}

// undoneThenDone makes the same changes again after they were undone: nothing is taken for stored.
func undoneThenDone(t *testing.T, s Store) {
	before, d := success(1, 1), success(2, 2)
	accept(t, s, "a", "b")
	save(t, s, before)
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Add(evaluation(before, minute(1))) })
	update(t, s, func(tx dora.Tx) error {
		return tx.Days().Save(dora.DayChanges{Stale: map[string]time.Time{scope(): {}}})
	})
	ids := peek(t, s.DeliveryQueue(), minute(0))
	err := s.Update(t.Context(), func(tx dora.Tx) error { return errors.Join(changeEverything(tx, before, ids), errRule) })
	permanentError(t, "Update", err)
	update(t, s, func(tx dora.Tx) error { return changeEverything(tx, before, ids) })
	update(t, s, func(tx dora.Tx) error {
		changed, _, err := tx.History().Deployment(before.Key())
		next, follows, nextErr := tx.History().Next(scope(), before.Moment())
		stale, staleErr := tx.Days().Stale()
		unrepaired, unrepairedErr := tx.Evidence().Unrepaired(scope())
		undecided, undecidedErr := tx.Evidence().Undecided(scope(), dora.FarFuture)
		key, _, shipped, shippedErr := tx.History().FirstShipped(scope(), "#1")
		evaluated, evaluatedErr := tx.Deployments().HasEvaluatedAfter(scope(), dora.Moment{})
		if !changed.Late || !follows || next.Key() != d.Key() || !shipped || key != d.Key() || !evaluated {
			t.Errorf("late: %t; next: %q; #1 was shipped by %q; evaluated: %t", changed.Late, next.Key(), key, evaluated)
		}
		if len(unrepaired) != 1 || len(undecided) != 0 || !stale[scope()].Equal(minute(1)) {
			t.Errorf("unrepaired: %v; undecided: %v; stale: %v", unrepaired, undecided, stale)
		}
		return errors.Join(err, nextErr, staleErr, unrepairedErr, undecidedErr, shippedErr, evaluatedErr)
	})
}

func changeEverything(tx dora.Tx, before dora.DeploymentRecord, deliveries []dora.Delivery) error {
	d := success(2, 2)
	_, factErr := tx.Facts().Add(fact("undone"))
	_, takeErr := tx.Commits().TakeWaiting(commit("before").Key())
	changed := before
	changed.Late = true
	return errors.Join(factErr, takeErr,
		tx.Facts().AddLabelSet("github", "undone", 3),
		tx.Deliveries().Done(deliveries[0].ID), tx.Deliveries().SetAside(deliveries[1].ID, 5, "why"),
		tx.Commits().SaveOrigin("undone", dora.Origin{PullRequest: 1}), tx.Commits().AddLookup(dora.Lookup{Commit: commit("undone")}),
		tx.Commits().Wait(dora.WaitingStatus{Commit: "undone", Subject: "undone"}),
		tx.Deployments().Save(changed), tx.Deployments().Save(d), tx.Deployments().AddShipped(d, dora.Change{}, []string{"#1"}),
		tx.Incidents().Save(dora.Incident{Key: "undone", Name: "INC-1"}),
		tx.Evidence().Add(dora.Evidence{Target: before.Key(), Scope: before.Scope(), Cause: dora.CauseStatus, By: before.Key()}),
		tx.Evidence().SaveFailedChange(dora.FailedChange{Evidence: dora.Evidence{Target: before.Key(), Scope: before.Scope()}}),
		tx.Evaluations().Done(evaluation(before, minute(1))), tx.Evaluations().Add(evaluation(d, minute(2))),
	)
}

// everything returns what can be read of the store, in a form that can be compared.
func everything(t *testing.T, s Store) map[string]any {
	t.Helper()
	all := map[string]any{
		"facts":       must[[]dora.Fact](t)(s.Facts(t.Context(), 0, limit)),
		"records":     must[dora.Records](t)(s.Records(t.Context(), func(dora.Fact) {})),
		"backlog":     must[dora.Backlog](t)(s.Backlog(t.Context())),
		"deliveries":  must[[]dora.StoredDelivery](t)(s.Recent(t.Context(), limit)),
		"pending":     peek(t, s.DeliveryQueue(), minute(9)),
		"lookups":     peek(t, s.LookupQueue(), minute(9)),
		"comparisons": peek(t, s.ComparisonQueue(), minute(9)),
		"evaluations": peek(t, s.EvaluationQueue(), minute(9)),
		"waiting":     must[[]string](t)(s.Waiting(t.Context(), commit("before").Key())),
		"evidence":    must[[]dora.Evidence](t)(s.EvidenceAbout(t.Context(), success(1, 1).Key())),
	}
	for name, read := range map[string]func(tx dora.Tx) (any, error){
		"label set": func(tx dora.Tx) (any, error) { return tx.Facts().HasLabelSet("github", "undone") },
		"series":    func(tx dora.Tx) (any, error) { return tx.Facts().Series("github") },
		"shipped": func(tx dora.Tx) (any, error) {
			_, _, known, err := tx.History().FirstShipped(scope(), "#1")
			return known, err
		},
		"origin": func(tx dora.Tx) (any, error) {
			_, known, err := tx.Commits().Origin("undone")
			return known, err
		},
		"deployments": func(tx dora.Tx) (any, error) {
			first, _, err := tx.History().Deployment(success(1, 1).Key())
			second, known, secondErr := tx.History().Deployment(success(2, 2).Key())
			return []any{first, second, known}, errors.Join(err, secondErr)
		},
		"undecided":  func(tx dora.Tx) (any, error) { return tx.Evidence().Undecided(scope(), dora.FarFuture) },
		"unrepaired": func(tx dora.Tx) (any, error) { return tx.Evidence().Unrepaired(scope()) },
		"stale":      func(tx dora.Tx) (any, error) { return tx.Days().Stale() },
		"evaluated":  func(tx dora.Tx) (any, error) { return tx.Deployments().HasEvaluatedAfter(scope(), dora.Moment{}) },
	} {
		update(t, s, func(tx dora.Tx) (err error) {
			all[name], err = read(tx)
			return err
		})
	}
	return all
}

// neighboursAreKept runs many transactions at the same time, of which every second one fails.
// changesAreKept changes one deployment in many transactions at the same time, of which every third one fails.
func changesAreKept(t *testing.T, s Store) {
	d := success(1, 1)
	save(t, s, d)
	want := d.Outcomes
	var wait sync.WaitGroup
	for i := range 30 {
		o := dora.Outcome{ID: int64(100 + i), State: "success", At: minute(i + 2)}
		fails := i%3 == 1
		if !fails {
			want = append(want, o)
		}
		wait.Go(func() {
			err := s.Update(t.Context(), func(tx dora.Tx) error {
				read, _, err := tx.History().Deployment(d.Key())
				read.AddOutcome(o)
				if err = errors.Join(err, tx.Deployments().Save(read)); err == nil && fails {
					err = errRule
				}
				return err
			})
			if (err != nil) != fails {
				t.Errorf("Update %d = %v", i, err)
			}
		})
	}
	wait.Wait()
	got, _, err := s.Deployment(t.Context(), d.Key())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "outcomes", want, got.Outcomes)
}

func neighboursAreKept(t *testing.T, s Store) {
	ends := []func() error{func() error { return nil }, func() error { return errRule }, func() error { return nil }, func() error { panic("a bug") }}
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			err := s.Update(t.Context(), func(tx dora.Tx) error {
				for part := range 2 {
					if _, err := tx.Facts().Add(fact(fmt.Sprintf("%02d/%d", i, part))); err != nil {
						return err
					}
				}
				return ends[i%len(ends)]()
			})
			if (err != nil) != (i%2 == 1) {
				t.Errorf("Update %d = %v", i, err)
			}
		})
	}
	wait.Wait()
	var got, want []string
	for i, f := range must[[]dora.Fact](t)(s.Facts(t.Context(), 0, limit)) {
		got = append(got, f.Subject)
		if f.Position != int64(i+1) {
			t.Errorf("fact %d has the position %d", i+1, f.Position)
		}
	}
	for i := range 40 {
		if i%2 == 0 {
			want = append(want, fmt.Sprintf("%02d/0", i), fmt.Sprintf("%02d/1", i))
		}
	}
	slices.Sort(got)
	same(t, "subjects", want, got)
}

func nothingAfterTheContext(t *testing.T, s Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Update(ctx, func(tx dora.Tx) error {
		_, err := tx.Facts().Add(fact("too late"))
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update with a context that has ended = %v", err)
	}
	if _, err := s.Accept(ctx, delivery("too late")); !errors.Is(err, context.Canceled) {
		t.Errorf("Accept with a context that has ended = %v", err)
	}
	inOrder(t, s)
	same(t, "pending", 0, len(pending(t, s, minute(0))))
}

// A transaction that is used after its function has returned does nothing.
func endedTransactions(t *testing.T, s Store) {
	var kept dora.Tx
	update(t, s, func(tx dora.Tx) error { kept = tx; return nil })
	if _, err := kept.Facts().Add(fact("too late")); err == nil {
		t.Error("a transaction that has ended added a fact")
	}
	addFacts(t, s, fact("a"))
	inOrder(t, s, "a")
}
