package storetest

import (
	"slices"
	"testing"
	"time"

	"dora-exporter/dora"
)

// What the rules ask about the evaluations that wait, to decide whether all evidence is there.
func evaluationRules() rules {
	return rules{
		"outcomes":     waitingOutcomes,
		"incidents":    waitingIncidents,
		"repositories": waitingRepositories,
		"failing":      failingEvaluations,
		"untried":      firstUntried,
		"evaluated":    evaluatedAfter,
		"kinds":        kindsAreApart,
		"shown":        evaluationsAreShown,
		"hastened":     hastenedEvaluations,
	}
}

func addEvaluation(t *testing.T, s Store, all ...dora.Evaluation) {
	t.Helper()
	for _, e := range all {
		update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Add(e) })
	}
}

// ask fails if a question about evaluations has not this answer.
func ask(t *testing.T, s Store, what string, want bool, question func(dora.EvaluationTx) (bool, error)) {
	t.Helper()
	update(t, s, func(tx dora.Tx) error {
		got, err := question(tx.Evaluations())
		if got != want {
			t.Errorf("%s: %t, want %t", what, got, want)
		}
		return err
	})
}

func waitingOutcomes(t *testing.T, s Store) {
	addEvaluation(t, s, dora.Evaluation{Kind: dora.OutcomeEvaluation, Key: "o", Scope: scope(), At: minute(5), Due: minute(99)},
		dora.Evaluation{Kind: dora.DeploymentEvaluation, Key: "d", Scope: scope(), At: minute(1)})
	for what, test := range map[string]struct {
		scope string
		upTo  int
		want  bool
	}{
		"before it": {scope(), 4, false}, "at its time": {scope(), 5, true}, "after it": {scope(), 6, true},
		"another scope": {scope() + " ", 9, false}, "upper case": {"API.github.com/acme/web/production", 9, false},
	} {
		ask(t, s, what, test.want, func(tx dora.EvaluationTx) (bool, error) { return tx.OutcomeWaits(test.scope, minute(test.upTo)) })
	}
	update(t, s, func(tx dora.Tx) error {
		return tx.Evaluations().Done(dora.Evaluation{Kind: dora.OutcomeEvaluation, Key: "o", Scope: scope()})
	})
	ask(t, s, "when it is done", false, func(tx dora.EvaluationTx) (bool, error) { return tx.OutcomeWaits(scope(), minute(9)) })
}

// Only evaluations of incidents can bring evidence; those of other issues are waited for by nobody but themselves.
func waitingIncidents(t *testing.T, s Store) {
	addEvaluation(t, s, dora.Evaluation{Kind: dora.IncidentEvaluation, Key: "h/1", At: minute(1), Ripe: minute(7), Due: minute(9)},
		dora.Evaluation{Kind: dora.IncidentEvaluation, Key: "h/2", At: minute(2), Ripe: minute(8)},
		dora.Evaluation{Kind: dora.IncidentEvaluation, Key: "h/3", At: minute(3), Ripe: minute(6)},
		dora.Evaluation{Kind: dora.IssueEvaluation, Key: "h/4", At: minute(1), Ripe: minute(9)},
		dora.Evaluation{Kind: dora.OutcomeEvaluation, Key: "h/5", At: minute(1), Ripe: minute(9)})
	for key, want := range map[string]bool{"h/1": true, "h/4": true, "h/5": false, "h/": false, "H/1": false} {
		ask(t, s, key, want, func(tx dora.EvaluationTx) (bool, error) { return tx.IncidentWaits(key) })
	}
	for upTo, want := range map[int][]string{0: nil, 1: {"h/1"}, 2: {"h/2", "h/1"}, 3: {"h/2", "h/1", "h/3"}} {
		update(t, s, func(tx dora.Tx) error {
			var keys []string
			all, err := tx.Evaluations().WaitingIncidents(minute(upTo))
			for _, e := range all {
				keys = append(keys, e.Key)
			}
			same(t, "waiting, the last one to be ripe first", want, keys)
			return err
		})
	}
}

func waitingRepositories(t *testing.T, s Store) {
	d := success(1, 5)
	addEvaluation(t, s, evaluation(d, minute(99)), dora.Evaluation{Kind: dora.OutcomeEvaluation, Key: "o", Scope: d.Scope(), At: minute(1)})
	for what, test := range map[string]struct {
		repository string
		before     int
		want       bool
	}{
		"later": {d.RepositoryKey(), 6, true}, "at its time": {d.RepositoryKey(), 5, false}, "any": {"", 6, true}, "any at its time": {"", 5, false},
		"another": {d.RepositoryKey() + " ", 6, false}, "a part": {"api.github.com/acme/we", 6, false}, "a pattern": {"api.github.com/acme/%", 6, false},
	} {
		repositoryWaits(t, s, what, test.repository, test.before, test.want, false)
	}
}

func repositoryWaits(t *testing.T, s Store, what, repository string, before int, wantWaits, wantFailing bool) {
	t.Helper()
	update(t, s, func(tx dora.Tx) error {
		waits, failing, err := tx.Evaluations().RepositoryWaits(repository, minute(before))
		if waits != wantWaits || failing != wantFailing {
			t.Errorf("%s: RepositoryWaits = %t, %t, want %t, %t", what, waits, failing, wantWaits, wantFailing)
		}
		return err
	})
}

// What is behind a failing evaluation of its scope waits as that one does.
func failingEvaluations(t *testing.T, s Store) {
	first, second := evaluation(success(1, 5), minute(0)), evaluation(success(2, 6), minute(0))
	elsewhere := success(3, 7)
	elsewhere.Environment = "staging"
	addEvaluation(t, s, second, first)
	first.Due, first.FailingSince = minute(1), minute(30)
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Retry(first) })
	update(t, s, func(tx dora.Tx) error {
		got, known, err := tx.Evaluations().First(scope())
		same(t, "First", first, got)
		if !known {
			t.Error("First finds nothing")
		}
		return err
	})
	repository := success(1, 0).RepositoryKey()
	repositoryWaits(t, s, "before both", repository, 5, false, false)
	repositoryWaits(t, s, "after the first", repository, 6, false, true)
	repositoryWaits(t, s, "after both", repository, 9, false, true)
	repositoryWaits(t, s, "any", "", 9, false, true)
	addEvaluation(t, s, evaluation(elsewhere, minute(0)))
	repositoryWaits(t, s, "another scope, too", repository, 9, true, true)
	addEvaluation(t, s, first)
	same(t, "added again", []dora.Evaluation{first}, must[[]dora.Evaluation](t)(s.EvaluationsOf(t.Context(), first.Key)))
	earlier := evaluation(success(4, 4), minute(0))
	addEvaluation(t, s, earlier)
	repositoryWaits(t, s, "with an earlier one", repository, 5, true, false)
	repositoryWaits(t, s, "after all, which are behind the earlier one", repository, 9, true, false)
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Done(earlier) })
	first.FailingSince = time.Time{}
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Retry(first) })
	repositoryWaits(t, s, "when it fails no more", repository, 9, true, false)
	first.Misses = 1
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Retry(first) })
	repositoryWaits(t, s, "when its commit is missing", "", 6, false, true)
}

// Of the successes of a repository, the oldest one that can be claimed is found, unless it has failed.
func firstUntried(t *testing.T, s Store) {
	in := func(environment string, id, at int) dora.Evaluation {
		d := success(id, at)
		d.Environment = environment
		return evaluation(d, minute(99))
	}
	other := success(9, 1)
	other.Repository = "library"
	failed, missed := in("c", 6, 2), in("d", 7, 2)
	failed.Attempts, missed.Misses = 1, 1
	addEvaluation(t, s, in("a", 1, 5), in("b", 2, 4), in("b", 3, 3), failed, missed, in("c", 8, 3), evaluation(other, minute(0)))
	repository := success(1, 1).RepositoryKey()
	check := func(what, repository string, before int, want int64) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			e, known, err := tx.Evaluations().FirstUntried(repository, minute(before))
			if e.ID != want || known != (want != 0) {
				t.Errorf("%s: FirstUntried = %d, %t; want %d", what, e.ID, known, want)
			}
			return err
		})
	}
	check("all", repository, 99, 3)
	check("after the first", repository, 4, 3)
	check("at its time", repository, 3, 0)
	check("a part of the name", "acme/we", 99, 0)
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Done(in("b", 3, 3)) })
	check("when the first is done", repository, 99, 2)
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Done(failed) })
	check("when one that failed is done", repository, 99, 8)
}

// A deployment counts as evaluated from Done on, until it is to be evaluated again.
func evaluatedAfter(t *testing.T, s Store) {
	all := []dora.DeploymentRecord{success(1, 1), success(2, 2), success(3, 2)}
	save(t, s, all...)
	addComparisons(t, s, 0, all...)
	check := func(what string, want bool, scope string, m dora.Moment) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			got, err := tx.Deployments().HasEvaluatedAfter(scope, m)
			if got != want {
				t.Errorf("%s: HasEvaluatedAfter = %t, want %t", what, got, want)
			}
			return err
		})
	}
	check("none", false, scope(), dora.Moment{})
	end(t, s, all[1])
	check("a later time", true, scope(), all[0].Moment())
	check("a larger number", true, scope(), dora.Moment{At: minute(2), ID: 1})
	check("itself", false, scope(), all[1].Moment())
	check("one that is not evaluated", false, scope(), all[2].Moment())
	check("another scope", false, scope()+"/", dora.Moment{})
	save(t, s, all[1])
	check("after it was saved again", true, scope(), dora.Moment{})
	addComparisons(t, s, 0, all[1])
	check("to be evaluated again", false, scope(), dora.Moment{})
}

// An evaluation is named by its kind and its key together.
func kindsAreApart(t *testing.T, s Store) {
	kinds := []string{dora.OutcomeEvaluation, dora.IncidentEvaluation, dora.IssueEvaluation, dora.ScopeEvaluation}
	for i, kind := range kinds {
		addEvaluation(t, s, dora.Evaluation{Kind: kind, Key: "k", Scope: scope(), At: minute(0), Due: minute(i), Ripe: minute(i)})
	}
	claimed := must[[]dora.Evaluation](t)(s.EvaluationQueue().Claim(t.Context(), minute(9), time.Hour, 9))
	if len(claimed) != len(kinds) {
		t.Fatalf("claimed are %+v, want all kinds", claimed)
	}
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Done(claimed[1]) })
	same(t, "after one is done", 3, must[int](t)(s.CountEvaluations(t.Context())))
	if err := s.EvaluationQueue().Release(t.Context(), claimed...); err != nil {
		t.Fatal(err)
	}
	same(t, "what is left", slices.Delete(slices.Clone(claimed), 1, 2), peek(t, s.EvaluationQueue(), minute(9)))
}

// People are shown what waits, by keys, and what an evaluation waits for.
func evaluationsAreShown(t *testing.T, s Store) {
	first, second, third := evaluation(success(1, 1), minute(3)), evaluation(success(2, 2), minute(4)), evaluation(success(3, 3), minute(5))
	outcome := dora.Evaluation{Kind: dora.OutcomeEvaluation, Key: second.Key, Scope: scope(), At: minute(2), ID: 2, Due: minute(4), Ripe: minute(4)}
	addEvaluation(t, s, third, second, first, outcome)
	same(t, "CountEvaluations", 4, must[int](t)(s.CountEvaluations(t.Context())))
	same(t, "EvaluationsOf", []dora.Evaluation{third, second, outcome},
		must[[]dora.Evaluation](t)(s.EvaluationsOf(t.Context(), third.Key, "none", second.Key)))
	same(t, "EvaluationsOf nothing", 0, len(must[[]dora.Evaluation](t)(s.EvaluationsOf(t.Context()))))
	same(t, "before the third", first, must[dora.Evaluation](t)(s.WaitingBefore(t.Context(), third)))
	same(t, "before the second", first, must[dora.Evaluation](t)(s.WaitingBefore(t.Context(), second)))
	same(t, "before the first", dora.Evaluation{}, must[dora.Evaluation](t)(s.WaitingBefore(t.Context(), first)))
}

// An evaluation is hastened whoever has claimed it; what its client postpones after that is postponed.
func hastenedEvaluations(t *testing.T, s Store) {
	e := dora.Evaluation{Kind: dora.DeploymentEvaluation, Key: "h/1", Scope: scope(), At: minute(1)}
	at := func(n int) dora.Evaluation { e.Due = minute(n); return e }
	holder, other := s.Client("holder"), s.Client("other")
	hasten := func(e dora.Evaluation) {
		t.Helper()
		update(t, other, func(tx dora.Tx) error { return tx.Evaluations().Hasten(e) })
	}
	claim := func(c Client, now, want int) []dora.Evaluation {
		t.Helper()
		claimed := must[[]dora.Evaluation](t)(c.ComparisonQueue().Claim(t.Context(), minute(now), time.Hour, 9))
		same(t, "claimed", want, len(claimed))
		return claimed
	}
	added := dora.Evaluation{Kind: dora.ScopeEvaluation, Key: "scope", Scope: "scope", At: minute(1), Due: minute(1)}
	addEvaluation(t, s, added)
	must[[]dora.Evaluation](t)(holder.EvaluationQueue().Claim(t.Context(), minute(1), time.Hour, 9))
	update(t, other, func(tx dora.Tx) error { return tx.Evaluations().Add(added) }) // so may be what is added again
	hasten(at(1))
	claim(other, 99, 0) // it was not added
	addEvaluation(t, s, at(5))
	claimed := claim(holder, 5, 1)
	update(t, holder, func(tx dora.Tx) error { return tx.Evaluations().Retry(at(20)) })
	hasten(at(30))
	hasten(at(10))
	if err := holder.ComparisonQueue().Release(t.Context(), claimed...); err != nil {
		t.Fatal(err)
	}
	claim(other, 9, 0)
	claimed = claim(other, 10, 1)
	if err := other.ComparisonQueue().Release(t.Context(), claimed...); err != nil {
		t.Fatal(err)
	}
	claim(holder, 10, 1)
	hasten(at(2))
	update(t, holder, func(tx dora.Tx) error { return tx.Evaluations().Retry(at(40)) })
	claim(other, 39, 0)
}
