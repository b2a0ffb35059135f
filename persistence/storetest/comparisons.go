package storetest

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// Deployments of a scope are evaluated one after another, in the order of their successes: only the first one can be claimed, and
// none before an earlier one of its scope that is not due, or leased.
func comparisonRules() rules {
	return rules{
		"first":   firstOfEachScope,
		"undue":   laterOnesWaitForUndue,
		"leased":  laterOnesWaitForLeased,
		"retried": laterOnesWaitForRetried,
		"earlier": earlierOnesComeFirst,
		"again":   addedAgain,
		"tie":     sameTimeByNumber,
		"scopes":  scopesAreApart,
	}
}

func addComparisons(t *testing.T, s Store, due int, all ...dora.DeploymentRecord) {
	t.Helper()
	for _, d := range all {
		update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Add(evaluation(d, minute(due))) })
	}
}

// due are the numbers of the deployments that can be claimed; the first one of the scope agrees with them.
func comparisonsDue(t *testing.T, s Store, what string, now int, want ...int64) {
	t.Helper()
	var got []int64
	for _, e := range peek(t, s.ComparisonQueue(), minute(now)) {
		got = append(got, e.ID)
	}
	same(t, what, want, got)
}

// first fails if it is not this deployment of the scope that is evaluated first; 0 for none.
func first(t *testing.T, s Store, want int64) {
	t.Helper()
	update(t, s, func(tx dora.Tx) error {
		got, known, err := tx.Evaluations().First(scope())
		if got.ID != want || known != (want != 0) {
			t.Errorf("First = %d, %t; want %d", got.ID, known, want)
		}
		return err
	})
}

func end(t *testing.T, s Store, d dora.DeploymentRecord) {
	t.Helper()
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Done(evaluation(d, minute(0))) })
}

func firstOfEachScope(t *testing.T, s Store) {
	addComparisons(t, s, 0, success(3, 3), success(1, 1), success(2, 2))
	for _, id := range []int{1, 2, 3} {
		first(t, s, int64(id))
		comparisonsDue(t, s, "in the order of successes", 9, int64(id))
		end(t, s, success(id, id))
	}
	first(t, s, 0)
	comparisonsDue(t, s, "at the end", 9)
}

func laterOnesWaitForUndue(t *testing.T, s Store) {
	addComparisons(t, s, 5, success(1, 1))
	addComparisons(t, s, 0, success(2, 2))
	first(t, s, 1)
	comparisonsDue(t, s, "before the first is due", 4)
	comparisonsDue(t, s, "when the first is due", 5, 1)
	end(t, s, success(1, 1))
	comparisonsDue(t, s, "after the first", 0, 2)
}

func laterOnesWaitForLeased(t *testing.T, s Store) {
	addComparisons(t, s, 0, success(1, 1), success(2, 2))
	a, b := s.Client("a"), s.Client("b").ComparisonQueue()
	claimed := must[[]dora.Evaluation](t)(a.ComparisonQueue().Claim(t.Context(), minute(0), time.Hour, 9))
	if len(claimed) != 1 || claimed[0].ID != 1 {
		t.Fatalf("claimed are %+v, want the first", claimed)
	}
	same(t, "while the first is leased", 0, len(peek(t, b, minute(9))))
	update(t, a, func(tx dora.Tx) error { return tx.Evaluations().Done(claimed[0]) })
	if got := peek(t, b, minute(9)); len(got) != 1 || got[0].ID != 2 {
		t.Errorf("after the first was ended %+v can be claimed, want the second", got)
	}
}

func laterOnesWaitForRetried(t *testing.T, s Store) {
	addComparisons(t, s, 0, success(1, 1), success(2, 2))
	later := evaluation(success(1, 1), minute(5))
	later.Attempts, later.Misses, later.FailingSince, later.Inaccessible = 2, 1, minute(3), true
	later.FailingCalls = dora.FailingCalls{"https://api.github.com/a?b": {For: time.Nanosecond, Last: minute(1)}, "": {For: time.Hour}}
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Retry(later) })
	comparisonsDue(t, s, "before it is due again", 4)
	got := peek(t, s.ComparisonQueue(), minute(5))
	if len(got) != 1 || got[0].ID != 1 || got[0].Attempts != 2 || got[0].Misses != 1 || !got[0].Due.Equal(minute(5)) || !got[0].Ripe.Equal(minute(1)) {
		t.Errorf("when it is due again %+v can be claimed, want the first with its new attempts and its old ripeness", got)
	}
	if len(got) == 1 && (!got[0].FailingSince.Equal(minute(3)) || !got[0].Inaccessible) {
		t.Errorf("when it is due again %+v can be claimed, want it failing since 00:03 since the repository is inaccessible", got)
	}
	if len(got) == 1 {
		same(t, "failing calls", later.FailingCalls, got[0].FailingCalls)
	}
	later.FailingSince, later.FailingCalls, later.Inaccessible, later.Ripe = time.Time{}, nil, false, minute(1)
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Retry(later) })
	same(t, "when it fails no more", []dora.Evaluation{later}, peek(t, s.ComparisonQueue(), minute(5)))
}

// A success that arrives late is evaluated before the later ones that wait.
func earlierOnesComeFirst(t *testing.T, s Store) {
	addComparisons(t, s, 0, success(2, 2))
	comparisonsDue(t, s, "alone", 0, 2)
	addComparisons(t, s, 3, success(1, 1))
	first(t, s, 1)
	comparisonsDue(t, s, "after an earlier one arrived", 2)
	comparisonsDue(t, s, "when that is due", 3, 1)
	addComparisons(t, s, 0, success(3, 3))
	first(t, s, 1)
	end(t, s, success(2, 2)) // not the first one
	first(t, s, 1)
	end(t, s, success(1, 1))
	comparisonsDue(t, s, "at the end", 3, 3)
}

// Added twice it becomes due when both are, and holds up what comes after the earlier of the two.
func addedAgain(t *testing.T, s Store) {
	addComparisons(t, s, 5, success(1, 4))
	addComparisons(t, s, 0, success(2, 2))
	first(t, s, 2)
	addComparisons(t, s, 3, success(1, 1))
	first(t, s, 1)
	addComparisons(t, s, 4, success(1, 8))
	first(t, s, 1)
	comparisonsDue(t, s, "before the later time", 4)
	got := peek(t, s.ComparisonQueue(), minute(5))
	if len(got) != 1 || got[0].ID != 1 || !got[0].Due.Equal(minute(5)) || !got[0].Ripe.Equal(minute(6)) || !got[0].At.Equal(minute(1)) {
		t.Errorf("what can be claimed is %+v, want it with the later times and the earlier success", got)
	}
}

func sameTimeByNumber(t *testing.T, s Store) {
	addComparisons(t, s, 0, success(10, 1), success(9, 1), success(100, 1))
	for _, id := range []int{9, 10, 100} {
		comparisonsDue(t, s, "of the same time", 0, int64(id))
		end(t, s, success(id, 1))
	}
}

// Scopes with similar names hold up each other as little as any.
func scopesAreApart(t *testing.T, s Store) {
	var want []int64
	for i, name := range oddNames() {
		d := success(i+1, i)
		d.Environment = name
		e := evaluation(d, minute(i))
		e.Scope = "api.github.com/acme/web/" + name
		update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Add(e) })
		want = append(want, d.ID)
	}
	comparisonsDue(t, s, "one of each scope", 999, want...)
	var later []dora.Evaluation // other kinds of a scope neither wait nor hold up
	for _, kind := range []string{dora.OutcomeEvaluation, dora.ScopeEvaluation, dora.IncidentEvaluation} {
		e := dora.Evaluation{Kind: kind, Key: "k" + kind, Scope: "api.github.com/acme/web/a", At: minute(-9), Due: minute(0), Ripe: minute(0)}
		update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Add(e) })
		later = append(later, e)
	}
	comparisonsDue(t, s, "one of each scope beside other kinds", 999, want...)
	same(t, "the other kinds", len(later), len(peek(t, s.EvaluationQueue(), minute(0))))
}
