package storetest

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Which deployment of a scope is evaluated first, and which one of a repository is the oldest of these, follows from what is pending alone,
// whatever has been read before and in whatever order it came about.
func firstRules() rules {
	all := rules{}
	for seed := range uint64(4) {
		all[fmt.Sprint(seed)] = func(t *testing.T, s Store) { firstsFollow(t, s, seed) }
	}
	return all
}

// mergedFirsts and mergingFirsts are two repositories of firstsFollow, of which the first becomes the second.
const (
	mergedFirsts, mergingFirsts = "api.github.com/acme/old", "api.github.com/acme/new"
	firstDeployments            = 12
)

// firstsFollow makes random changes in transactions, of which some are undone, and compares what is read with a model.
func firstsFollow(t *testing.T, s Store, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	m := firstModel{}
	for id := range firstDeployments {
		save(t, s, deploymentOfFirsts(id, mergedFirsts), deploymentOfFirsts(id+firstDeployments, mergingFirsts))
	}
	merged, steps := false, 40
	for step := range steps {
		next, undone := maps.Clone(m), random.IntN(4) == 0
		merge := step == steps/2
		err := s.Update(t.Context(), func(tx dora.Tx) error {
			next = maps.Clone(m) // it may be called again
			if merge {
				next.merge()
				return tx.Repositories().Merge(mergedFirsts, mergingFirsts)
			}
			for range 1 + random.IntN(3) {
				if err := next.change(tx, random, merged); err != nil {
					return err
				}
				next.check(t, tx)
			}
			if undone {
				return errRule
			}
			return nil
		})
		switch {
		case merge || !undone:
			if err != nil {
				t.Fatal(err)
			}
			m, merged = next, merged || merge
		default:
			permanentError(t, "Update", err)
		}
		update(t, s, func(tx dora.Tx) error { m.check(t, tx); return nil })
		var got []string
		for _, e := range peek(t, s.ComparisonQueue(), minute(999)) {
			got = append(got, e.Key)
		}
		slices.Sort(got)
		same(t, fmt.Sprintf("what can be claimed after step %d", step), m.claimable(), got)
		if t.Failed() {
			return
		}
	}
}

// deploymentOfFirsts is a deployment of a repository to one of two environments.
func deploymentOfFirsts(id int, repository string) dora.DeploymentRecord {
	d := success(id+1, id)
	d.Identity, d.Environment = repository, []string{"production", "staging"}[id%2]
	return d
}

// firstModel is what is pending, by key.
type firstModel map[string]dora.Evaluation

// merge gives the evaluations of the first repository to the second.
func (m firstModel) merge() {
	for key, e := range m {
		m[key] = afterMerge(e)
	}
}

func afterMerge(e dora.Evaluation) dora.Evaluation {
	if dora.RepositoryOf(e.Scope) == mergedFirsts {
		e.Scope = mergingFirsts + e.Scope[len(mergedFirsts):]
	}
	return e
}

// change makes a random change of an evaluation. Whoever claimed it before the merge knows its former scope.
func (m firstModel) change(tx dora.Tx, random *rand.Rand, merged bool) error {
	id, repository := random.IntN(2*firstDeployments), mergedFirsts
	if id >= firstDeployments {
		repository = mergingFirsts
	}
	claimed := evaluation(deploymentOfFirsts(id, repository), minute(random.IntN(9)))
	claimed.At = minute(random.IntN(20))
	e := claimed
	if merged {
		e = afterMerge(e)
	}
	pending, isPending := m[e.Key]
	switch change := random.IntN(5); {
	case change < 2 || !isPending:
		m[e.Key] = e
		if isPending {
			pending.At, pending.Due = earlier(pending.At, e.At), later(pending.Due, e.Due)
			m[e.Key] = pending
		}
		return tx.Evaluations().Add(e)
	case change == 2:
		claimed.Attempts, claimed.Misses = random.IntN(2), random.IntN(2)
		pending.Attempts, pending.Misses, pending.Due = claimed.Attempts, claimed.Misses, claimed.Due
		m[e.Key] = pending
		return tx.Evaluations().Retry(claimed)
	case change == 3:
		pending.Due = earlier(pending.Due, claimed.Due)
		m[e.Key] = pending
		return tx.Evaluations().Hasten(claimed)
	default:
		if claimed.Scope == pending.Scope {
			delete(m, e.Key)
		}
		return tx.Evaluations().Done(claimed)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// firsts returns the first evaluation of each scope.
func (m firstModel) firsts() map[string]dora.Evaluation {
	firsts := map[string]dora.Evaluation{}
	for _, e := range m {
		if first, found := firsts[e.Scope]; !found || cmp.Or(e.At.Compare(first.At), cmp.Compare(e.ID, first.ID)) < 0 {
			firsts[e.Scope] = e
		}
	}
	return firsts
}

func (m firstModel) claimable() (keys []string) {
	for _, e := range m.firsts() {
		keys = append(keys, e.Key)
	}
	slices.Sort(keys)
	return keys
}

// untried returns when the oldest of the first evaluations of a repository that have not failed succeeded; the zero time if there is none.
func (m firstModel) untried(repository string, before time.Time) (at time.Time) {
	for _, e := range m.firsts() {
		if dora.RepositoryOf(e.Scope) == repository && e.Attempts == 0 && e.Misses == 0 && e.At.Before(before) && (at.IsZero() || e.At.Before(at)) {
			at = e.At
		}
	}
	return at
}

// check compares what a transaction reads with the model.
func (m firstModel) check(t *testing.T, tx dora.Tx) {
	t.Helper()
	firsts := m.firsts()
	for _, repository := range []string{mergedFirsts, mergingFirsts} {
		for id := range 2 {
			scope := deploymentOfFirsts(id, repository).Scope()
			got, known, err := tx.Evaluations().First(scope)
			want, pending := firsts[scope]
			if err != nil || known != pending || got.Key != want.Key || !got.At.Equal(want.At) || !got.Due.Equal(want.Due) || got.Attempts != want.Attempts {
				t.Errorf("First(%s) = %+v, %t, %v; want %+v", scope, got, known, err, want)
			}
		}
		for _, before := range []time.Time{minute(10), dora.FarFuture} {
			got, known, err := tx.Evaluations().FirstUntried(repository, before)
			want := m.untried(repository, before)
			if err != nil || known == want.IsZero() || known && !got.At.Equal(want) {
				t.Errorf("FirstUntried(%s, %v) = %+v, %t, %v; want that of %v", repository, before, got, known, err, want)
			}
		}
	}
}
