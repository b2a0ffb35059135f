package storetest

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	"dora-exporter/dora"
)

// What is stored of a repository goes to the other one, each deployment with its scope.
func repositoriesMerged(t *testing.T, s Store) {
	const from, into = "api.github.com/acme/old", "api.github.com/acme/new"
	in := func(id int, repository string) dora.DeploymentRecord {
		d := success(id, id)
		d.Identity = repository
		return d
	}
	first, last, other := in(1, from), in(3, from), in(2, into)
	addRepository(t, s, dora.Repository{Key: from, Host: "api.github.com"}, "acme/old")
	addRepository(t, s, dora.Repository{Key: into, Host: "api.github.com", ID: 7}, "acme/new")
	titled := dora.Change{Origin: dora.Origin{PullRequest: 1, Title: "Faster search"}}
	first.Shipment = &dora.Shipment{Changes: []dora.Change{titled}}
	ship(t, s, first, false, "#1")
	update(t, s, func(tx dora.Tx) error { return tx.Deployments().AddShipped(first, titled, nil) })
	save(t, s, last, other)
	addEvaluation(t, s, evaluation(last, minute(9)), evaluation(other, minute(9)))
	evidence := dora.Evidence{Target: first.Key(), Scope: first.Scope(), Cause: dora.CauseStatus, By: first.Key(), At: minute(2)}
	update(t, s, func(tx dora.Tx) error {
		if err := tx.Evidence().Add(evidence); err != nil {
			return err
		}
		e := evidence
		e.Target, e.By = last.Key(), last.Key()
		if err := tx.Evidence().Add(e); err != nil {
			return err
		}
		if err := tx.Evidence().SaveFailedChange(dora.FailedChange{Evidence: e}); err != nil {
			return err
		}
		lookup := dora.Lookup{Commit: commit("a"), Repository: from, Due: minute(0)}
		if err := tx.Commits().AddLookup(lookup); err != nil {
			return err
		}
		return tx.Repositories().Merge(from, into)
	})
	lookup, _, err := s.LookupOf(t.Context(), commit("a").Key())
	same(t, "the repository of a look-up", into, lookup.Repository)
	if err != nil {
		t.Error(err)
	}
	update(t, s, func(tx dora.Tx) error {
		readMerged(t, tx, first, other, from, titled)
		return nil
	})
	same(t, "by the former name", []int64{3}, idsOf(must[[]dora.DeploymentRecord](t)(s.Deployments(t.Context(), "acme", "old", 3))))
	// One after another, as in any scope.
	same(t, "to be compared", []dora.Evaluation{evaluation(other, minute(9))}, peek(t, s.ComparisonQueue(), minute(10)))
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Done(evaluation(other, minute(9))) })
	same(t, "to be compared then", []dora.Evaluation{evaluation(in(3, into), minute(9))}, peek(t, s.ComparisonQueue(), minute(10)))
}

// readMerged checks what a transaction reads of the scope that first and another deployment are in after the merge.
func readMerged(t *testing.T, tx dora.Tx, first, other dora.DeploymentRecord, former string, titled dora.Change) {
	t.Helper()
	d, known, err := tx.History().Previous(other.Scope(), other.Moment())
	numbered(t, "Previous", 1, d.DeploymentRecord, known, err)
	same(t, "its repository", other.Identity, d.Identity)
	d, known, err = tx.History().Next(other.Scope(), other.Moment())
	numbered(t, "Next", 3, d.DeploymentRecord, known, err)
	d, known, err = tx.History().Previous(first.Scope(), dora.Moment{At: minute(9)})
	numbered(t, "Previous in the former scope", 0, d.DeploymentRecord, known, err)
	key, _, _, err := tx.History().FirstShipped(other.Scope(), "#1")
	same(t, "FirstShipped", first.Key(), key)
	named, err5 := tx.History().Titled(other.Scope(), titled.Title, other.Moment())
	same(t, "Titled", []string{"#1"}, named)
	waiting, _, err2 := tx.Evaluations().First(other.Scope())
	same(t, "First", other.Key(), waiting.Key)
	undecided, err3 := tx.Evidence().Undecided(other.Scope(), dora.FarFuture)
	same(t, "Undecided", 1, len(undecided))
	unrepaired, err4 := tx.Evidence().Unrepaired(other.Scope())
	same(t, "Unrepaired", 1, len(unrepaired))
	for _, err := range []error{err, err2, err3, err4, err5} {
		if err != nil {
			t.Error(err)
		}
	}
	_, known, err = tx.Repositories().WithKey(former)
	if !known || err != nil {
		t.Errorf("WithKey of the first = %t, %v; its key stays taken", known, err)
	}
}

// What waits in a scope of the first repository takes its turn in that of the other: of deployments 1 to 3, the first and the last waited
// in one scope, the second in the other. Deployment 4 waited alone, for an environment that the other repository did not have.
func repositoriesMergedWaiting(t *testing.T, s Store) {
	const from, into = "api.github.com/acme/old", "api.github.com/acme/new"
	in := func(id int, repository, environment string) dora.Evaluation {
		d := success(id, id)
		d.Identity, d.Environment = repository, environment
		save(t, s, d)
		return evaluation(d, minute(9))
	}
	addRepository(t, s, dora.Repository{Key: from, Host: "api.github.com"}, "acme/old")
	addRepository(t, s, dora.Repository{Key: into, Host: "api.github.com", ID: 7}, "acme/new")
	addEvaluation(t, s, in(1, from, "production"), in(2, into, "production"), in(3, from, "production"), in(4, from, "staging"))
	repositories(t, s, func(tx dora.RepositoryTx) error { return tx.Merge(from, into) })
	for _, want := range [][]int64{{1, 4}, {2, 4}, {3, 4}} {
		due := peek(t, s.ComparisonQueue(), minute(10))
		slices.SortFunc(due, func(a, b dora.Evaluation) int { return cmp.Compare(a.ID, b.ID) })
		var ids []int64
		for _, e := range due {
			ids = append(ids, e.ID)
		}
		same(t, "to be compared", want, ids)
		update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Done(due[0]) })
	}
}

// What is done of a claimed evaluation counts for the scope that it was claimed in: if its repository is merged meanwhile, it is made again in the
// new scope, and those behind it there take their turns.
func repositoriesMergedWhileEvaluated(t *testing.T, s Store) {
	const from, into = "api.github.com/acme/old", "api.github.com/acme/new"
	first, second := success(1, 1), success(2, 2)
	first.Identity, second.Identity = from, into
	save(t, s, first, second)
	addRepository(t, s, dora.Repository{Key: from, Host: "api.github.com"}, "acme/old")
	addRepository(t, s, dora.Repository{Key: into, Host: "api.github.com", ID: 7}, "acme/new")
	outcome := evaluation(first, minute(9))
	outcome.Kind = dora.OutcomeEvaluation
	ofScope := dora.Evaluation{Kind: dora.ScopeEvaluation, Key: first.Scope(), Scope: first.Scope(), At: minute(1), Due: minute(9), Ripe: minute(9)}
	addEvaluation(t, s, evaluation(first, minute(9)), outcome, ofScope)
	deployments := must[[]dora.Evaluation](t)(s.ComparisonQueue().Claim(t.Context(), minute(9), time.Hour, 9))
	others := must[[]dora.Evaluation](t)(s.EvaluationQueue().Claim(t.Context(), minute(9), time.Hour, 9))
	addEvaluation(t, s, evaluation(second, minute(9)))
	done := func(deployments, others []dora.Evaluation) {
		same(t, "claimed", []int{1, 2}, []int{len(deployments), len(others)})
		for _, e := range slices.Concat(deployments, others) {
			update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Done(e) })
		}
		if err := errors.Join(s.ComparisonQueue().Release(t.Context(), deployments...), s.EvaluationQueue().Release(t.Context(), others...)); err != nil {
			t.Error(err)
		}
	}
	evaluated := func(want bool) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			got, err := tx.Deployments().HasEvaluatedAfter(second.Scope(), dora.Moment{})
			whether(t, "HasEvaluatedAfter", want, got, err)
			return nil
		})
	}
	repositories(t, s, func(tx dora.RepositoryTx) error { return tx.Merge(from, into) })
	done(deployments, others)
	evaluated(false)
	deployments, others = peek(t, s.ComparisonQueue(), minute(10)), peek(t, s.EvaluationQueue(), minute(10))
	for _, e := range slices.Concat(deployments, others) {
		same(t, "the scope of "+e.Kind, second.Scope(), e.Scope)
	}
	done(deployments, others)
	evaluated(true)
	same(t, "to be compared then", []dora.Evaluation{evaluation(second, minute(9))}, peek(t, s.ComparisonQueue(), minute(10)))
	same(t, "other evaluations", 0, len(peek(t, s.EvaluationQueue(), minute(10))))
}

// The facts about a change go to the other repository, all of them or none: none if it has counted the change, too.
func repositoriesMergedCounted(t *testing.T, s Store) {
	const from, into = "h/acme/old", "h/acme/new"
	counted := func(family, subject string) {
		f := fact(dora.Subject(dora.SubjectChange, subject))
		f.Family = family
		addFacts(t, s, f)
	}
	for _, change := range []string{from + "/production/#1", from + "/production/deploy:api/#2", into + "/production/#2", from + "/staging/#2"} {
		counted(dora.Changes, change)
		counted(dora.LeadTime, change)
		counted(dora.LeadTimeStage, change+"/stage=review")
	}
	counted(dora.Changes, into+"/production/#1")
	counted(dora.Changes, from+"/production/#3")
	counted(dora.LeadTimeUnavailable, from+"/production/#3")
	counted(dora.Changes, from+"s/production/#4")
	counted(dora.Incidents, from+"/production/#5")
	const moved, left = "change:h/acme/new/staging/#2", "change:h/acme/old/staging/#2"
	has := func(tx dora.Tx, want map[string]bool) {
		for subject, want := range want {
			known, err := tx.Facts().Has(dora.Changes, subject)
			whether(t, "Has "+subject, want, known, err)
		}
	}
	update(t, s, func(tx dora.Tx) error { // which asks before and after
		has(tx, map[string]bool{moved: false, left: true})
		if err := tx.Repositories().Merge(from, into); err != nil {
			return err
		}
		has(tx, map[string]bool{moved: true, left: false})
		return nil
	})
	inOrder(t, s,
		"change:h/acme/old/production/#1", "change:h/acme/old/production/#1", "change:h/acme/old/production/#1/stage=review",
		"change:h/acme/new/production/deploy:api/#2", "change:h/acme/new/production/deploy:api/#2", "change:h/acme/new/production/deploy:api/#2/stage=review",
		"change:h/acme/new/production/#2", "change:h/acme/new/production/#2", "change:h/acme/new/production/#2/stage=review",
		"change:h/acme/new/staging/#2", "change:h/acme/new/staging/#2", "change:h/acme/new/staging/#2/stage=review",
		"change:h/acme/new/production/#1", "change:h/acme/new/production/#3", "change:h/acme/new/production/#3",
		"change:h/acme/olds/production/#4", "change:h/acme/old/production/#5")
	update(t, s, func(tx dora.Tx) error {
		has(tx, map[string]bool{moved: true, left: false, "change:h/acme/old/production/#1": true})
		return nil
	})
}

// The merged repository has the names of both, each with its later time.
func repositoriesMergedNames(t *testing.T, s Store) {
	const into = "h/acme/new"
	addRepository(t, s, dora.Repository{Key: into, Host: "h", ID: 7})
	for _, step := range []struct {
		from string
		at   int
		want string
	}{{"h/acme/old", 3, "acme/x"}, {"h/acme/late", 12, "acme/late"}} {
		addRepository(t, s, dora.Repository{Key: step.from, Host: "h"})
		repositories(t, s, func(tx dora.RepositoryTx) error {
			return errors.Join(tx.AddName(into, "acme/x", minute(9)), tx.AddName(into, "acme/y", minute(5)),
				tx.AddName(step.from, "acme/x", minute(3)), tx.AddName(step.from, "acme/late", minute(step.at)))
		})
		same(t, "before", "acme/x", must[string](t)(s.NewestName(t.Context(), into)))
		repositories(t, s, func(tx dora.RepositoryTx) error { return tx.Merge(step.from, into) })
		same(t, "with "+step.from, step.want, must[string](t)(s.NewestName(t.Context(), into)))
	}
}

// The days of both are those of one scope then, of which something was removed if it was of either.
func repositoriesMergedDays(t *testing.T, s Store) {
	const from, into = "api.github.com/acme/old", "api.github.com/acme/new"
	first, second := success(1, 1), success(2, 2)
	first.Identity, second.Identity = from, into
	save(t, s, first, second)
	addRepository(t, s, dora.Repository{Key: from, Host: "api.github.com"}, "acme/old")
	addRepository(t, s, dora.Repository{Key: into, Host: "api.github.com", ID: 7}, "acme/new")
	day := func(scope string, deployments ...dora.Measured) dora.MeasuredDay {
		return dora.MeasuredDay{DayKey: dora.DayKey{Owned: dora.Owned{Scope: scope, Owner: "acme", Repository: "web"}, Date: 100}, Deployments: deployments}
	}
	counts := func(deployments ...dora.Measured) dora.Counts {
		c := dora.Counts{}
		for _, m := range deployments {
			c.Add(m, 1)
		}
		return c
	}
	one, two := measured(1, 10), measured(2, 20)
	old, current := day(first.Scope(), one), day(second.Scope(), two)
	updateDays(t, s, func(tx dora.DayTx) error {
		return tx.Save(dora.DayChanges{
			Days: []dora.MeasuredDay{old, current}, Counts: map[dora.Owned]dora.Counts{old.Owned: counts(one), current.Owned: counts(two)},
		})
	})
	update(t, s, func(tx dora.Tx) error { return tx.Removal().RemoveDeployment(first, minute(5)) })
	repositories(t, s, func(tx dora.RepositoryTx) error { return tx.Merge(from, into) })
	s = s.Reopen(t)
	updateDays(t, s, func(tx dora.DayTx) error {
		left, err := tx.Days(first.Scope(), 0, 200)
		same(t, "days of the former scope", 0, len(left))
		days, err2 := tx.Days(second.Scope(), 0, 200)
		same(t, "days", []dora.MeasuredDay{day(second.Scope(), one, two)}, days)
		complete, err3 := tx.CompleteFrom(second.Scope())
		same(t, "CompleteFrom", minute(5), complete)
		return errors.Join(err, err2, err3)
	})
	err := s.StoredDays(t.Context(), func(d dora.StoredDays) error {
		all, err := d.OwnedCounts()
		same(t, "OwnedCounts", map[dora.Owned]dora.Counts{current.Owned: counts(one, two)}, all)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
