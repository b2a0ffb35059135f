package sqlite

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func update(t *testing.T, s *Store, f func(dora.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// Work that can't be read holds up no other work, and is postponed.
func TestUnreadableWorkIsPostponed(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	lookup := func(sha string, due time.Duration) dora.Lookup {
		return dora.Lookup{Commit: dora.Commit{Host: "h", Owner: "o", Repository: "r", SHA: sha}, Due: now.Add(due)}
	}
	evaluation := func(kind, key string, due time.Duration) dora.Evaluation {
		return dora.Evaluation{Kind: kind, Key: "h/" + key, Scope: "h/o/r/" + key + "/deploy", At: now, Due: now.Add(due), Ripe: now}
	}
	s := openStore(t)
	update(t, s, func(tx dora.Tx) error {
		err := errors.Join(tx.Commits().AddLookup(lookup("1", -time.Minute)), tx.Commits().AddLookup(lookup("2", 0)))
		for _, kind := range []string{dora.DeploymentEvaluation, dora.OutcomeEvaluation} {
			err = errors.Join(err, tx.Evaluations().Add(evaluation(kind, "1", -time.Minute)), tx.Evaluations().Add(evaluation(kind, "2", 0)))
		}
		return err
	})
	tamper(t, s.path, "UPDATE lookups SET details = '[' WHERE commit_key LIKE '%@1'", "UPDATE evaluations SET failing_calls = '{x' WHERE key = 'h/1'")
	wantClaims(t, s.LookupQueue(), now, lookup("2", 0))
	wantClaims(t, s.ComparisonQueue(), now, evaluation(dora.DeploymentEvaluation, "2", 0))
	wantClaims(t, s.EvaluationQueue(), now, evaluation(dora.OutcomeEvaluation, "2", 0))
}

// wantClaims checks that one item can be claimed: of two, and then of one, since what is postponed takes the place of none.
func wantClaims[T any](t *testing.T, q dora.Queue[T], now time.Time, want T) {
	t.Helper()
	for _, limit := range []int{2, 1} {
		claimed, err := q.Claim(t.Context(), now, time.Hour, limit)
		if err := errors.Join(err, q.Release(t.Context(), claimed...)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]T{want}, claimed); diff != "" {
			t.Error(diff)
		}
	}
}

// A claim may be for more items than one query reads, and returns them in the order in which they are due.
func TestManyAreClaimedInOrder(t *testing.T) {
	const items = 1100
	s, begin := openStore(t), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	update(t, s, func(tx dora.Tx) error {
		for i := range items {
			name, due := fmt.Sprint(i*7919%items), begin.Add(time.Duration(i)*time.Second) // keys in another order
			err := errors.Join(
				tx.Commits().AddLookup(dora.Lookup{Commit: dora.Commit{Host: "h", Owner: "o", Repository: "r", SHA: name}, Due: due}),
				tx.Evaluations().Add(dora.Evaluation{Kind: dora.DeploymentEvaluation, Key: name, Scope: "h/" + name, At: begin, Due: due, Ripe: due}))
			if err != nil {
				return err
			}
		}
		return nil
	})
	now := begin.Add(time.Hour)
	var lookups, evaluations, want []time.Time
	for _, limit := range []int{100, items - 100} { // the others while the first are leased
		claimed, err := s.LookupQueue().Claim(t.Context(), now, time.Hour, limit)
		compared, compareErr := s.ComparisonQueue().Claim(t.Context(), now, time.Hour, limit)
		if err := errors.Join(err, compareErr); err != nil {
			t.Fatal(err)
		}
		for _, j := range claimed {
			lookups = append(lookups, j.Due)
		}
		for _, e := range compared {
			evaluations = append(evaluations, e.Due)
		}
	}
	for i := range items {
		want = append(want, begin.Add(time.Duration(i)*time.Second))
	}
	if diff := cmp.Diff(want, lookups); diff != "" {
		t.Errorf("look-ups: %s", diff)
	}
	if diff := cmp.Diff(want, evaluations); diff != "" {
		t.Errorf("evaluations: %s", diff)
	}
}
