package storetest

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"dora-exporter/dora"
)

// A repository keeps its key under all names that events call it by.
func repositoryRules() rules {
	return rules{
		"ids": repositoriesByID, "names": repositoriesByName, "newest name": newestNames, "seen": repositoriesSeen, "merged": repositoriesMerged,
		"merged while evaluations wait": repositoriesMergedWaiting, "merged with what was counted": repositoriesMergedCounted,
		"former":       namedByFormerNames,
		"environments": environmentsOfRepositories,
	}
}

// repositories calls f with the repositories of a transaction.
func repositories(t *testing.T, s Store, f func(dora.RepositoryTx) error) {
	t.Helper()
	update(t, s, func(tx dora.Tx) error { return f(tx.Repositories()) })
}

func addRepository(t *testing.T, s Store, r dora.Repository, names ...string) {
	t.Helper()
	repositories(t, s, func(tx dora.RepositoryTx) error {
		if err := tx.Save(r); err != nil {
			return err
		}
		for _, name := range names {
			if err := tx.AddName(r.Key, name, minute(0)); err != nil {
				return err
			}
		}
		return nil
	})
}

func repositoriesSeen(t *testing.T, s Store) {
	add := func(key string, names map[string]int) {
		repositories(t, s, func(tx dora.RepositoryTx) error {
			if err := tx.Save(dora.Repository{Key: key, Host: "a"}); err != nil {
				return err
			}
			for name, at := range names {
				if err := tx.AddName(key, name, minute(at)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	add("a/acme/old", map[string]int{"acme/old": 1})
	add("a/acme/before", map[string]int{"acme/before": 3, "acme/after": 4})
	add("a/acme/at", map[string]int{"acme/at": 2, "b%2Fc/at": 1})
	add("a/acme/none", nil)
	repositories(t, s, func(tx dora.RepositoryTx) error {
		got, err := tx.SeenSince(minute(2))
		slices.SortFunc(got, func(x, y dora.NamedRepository) int { return strings.Compare(x.Name, y.Name) })
		same(t, "SeenSince", []dora.NamedRepository{{Host: "a", Owner: "acme", Name: "after"}, {Host: "a", Owner: "acme", Name: "at"}}, got)
		return err
	})
}

func repositoriesByID(t *testing.T, s Store) {
	without := dora.Repository{Key: "a/acme/web", Host: "a"}
	addRepository(t, s, without)
	addRepository(t, s, dora.Repository{Key: "a/acme/app", Host: "a", ID: 7})
	addRepository(t, s, dora.Repository{Key: "b/acme/app", Host: "b", ID: 7})
	repositories(t, s, func(tx dora.RepositoryTx) error {
		for _, test := range []struct {
			host string
			id   int64
			want string
		}{{"a", 7, "a/acme/app"}, {"b", 7, "b/acme/app"}, {"A", 7, ""}, {"a", 77, ""}, {"a", 0, ""}} {
			got, known, err := tx.WithID(test.host, test.id)
			if err != nil || known != (test.want != "") || got.Key != test.want {
				t.Errorf("WithID(%s, %d) = %+v, %t, %v; want %q", test.host, test.id, got, known, err, test.want)
			}
		}
		return nil
	})
	with := without
	with.ID = 8
	addRepository(t, s, with)
	repositories(t, s, func(tx dora.RepositoryTx) error {
		got, known, err := tx.WithKey(with.Key)
		if err != nil || !known {
			t.Errorf("WithKey = %t, %v", known, err)
		}
		same(t, "saved again", with, got)
		_, known, err = tx.WithKey("a/acme/we")
		if err != nil || known {
			t.Errorf("WithKey of another = %t, %v", known, err)
		}
		return nil
	})
}

// The repository whose newest event of a name is the latest comes first, in whatever order the events arrive.
func repositoriesByName(t *testing.T, s Store) {
	a, b := dora.Repository{Key: "h/acme/a", Host: "h", ID: 1}, dora.Repository{Key: "h/acme/b", Host: "h", ID: 2}
	addRepository(t, s, a)
	addRepository(t, s, b)
	called := func(want []dora.Repository, name string) {
		t.Helper()
		repositories(t, s, func(tx dora.RepositoryTx) error {
			got, err := tx.Named(name)
			same(t, "named "+name, want, got)
			return err
		})
	}
	see := func(key string, at int) {
		t.Helper()
		repositories(t, s, func(tx dora.RepositoryTx) error { return tx.AddName(key, "acme/web", minute(at)) })
	}
	called(nil, "acme/web")
	see(b.Key, 5)
	see(a.Key, 5)
	called([]dora.Repository{a, b}, "acme/web")
	see(b.Key, 6)
	see(b.Key, 1)
	called([]dora.Repository{b, a}, "acme/web")
	called(nil, "acme/we")
	called(nil, "Acme/Web")
}

// The newest name is that of the latest event, in whatever order the events arrive.
func newestNames(t *testing.T, s Store) {
	newest := func(want, key string) {
		t.Helper()
		same(t, "NewestName of "+key, want, must[string](t)(s.NewestName(t.Context(), key)))
	}
	see := func(key, name string, at int) {
		t.Helper()
		repositories(t, s, func(tx dora.RepositoryTx) error { return tx.AddName(key, name, minute(at)) })
	}
	newest("", "h/acme/a")
	see("h/acme/a", "acme/core", 5)
	see("h/acme/a", "acme/api", 3)
	see("h/acme/b", "acme/api", 9)
	newest("acme/core", "h/acme/a")
	newest("acme/api", "h/acme/b")
	see("h/acme/a", "acme/core", 1)
	newest("acme/core", "h/acme/a")
	see("h/acme/a", "acme/api", 6)
	newest("acme/api", "h/acme/a")
	newest("", "H/acme/a")
}

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
	ship(t, s, first, false, "#1")
	titled := dora.Change{Origin: dora.Origin{PullRequest: 1, Title: "Faster search"}}
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
		d, known, err := tx.History().Previous(other.Scope(), other.Moment())
		numbered(t, "Previous", 1, d.DeploymentRecord, known, err)
		same(t, "its repository", into, d.Identity)
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
		undecided, err3 := tx.Evidence().Undecided(other.Scope())
		same(t, "Undecided", 1, len(undecided))
		unrepaired, err4 := tx.Evidence().Unrepaired(other.Scope())
		same(t, "Unrepaired", 1, len(unrepaired))
		for _, err := range []error{err, err2, err3, err4, err5} {
			if err != nil {
				t.Error(err)
			}
		}
		_, known, err = tx.Repositories().WithKey(from)
		if !known || err != nil {
			t.Errorf("WithKey of the first = %t, %v; its key stays taken", known, err)
		}
		return nil
	})
	same(t, "by the former name", []int64{3}, idsOf(must[[]dora.DeploymentRecord](t)(s.Deployments(t.Context(), "acme", "old", 3))))
	// One after another, as in any scope.
	same(t, "to be compared", []dora.Evaluation{evaluation(other, minute(9))}, peek(t, s.ComparisonQueue(), minute(10)))
	update(t, s, func(tx dora.Tx) error { return tx.Evaluations().Done(evaluation(other, minute(9))) })
	same(t, "to be compared then", []dora.Evaluation{evaluation(in(3, into), minute(9))}, peek(t, s.ComparisonQueue(), minute(10)))
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
	repositories(t, s, func(tx dora.RepositoryTx) error { return tx.Merge(from, into) })
	inOrder(t, s,
		"change:h/acme/old/production/#1", "change:h/acme/old/production/#1", "change:h/acme/old/production/#1/stage=review",
		"change:h/acme/new/production/deploy:api/#2", "change:h/acme/new/production/deploy:api/#2", "change:h/acme/new/production/deploy:api/#2/stage=review",
		"change:h/acme/new/production/#2", "change:h/acme/new/production/#2", "change:h/acme/new/production/#2/stage=review",
		"change:h/acme/new/staging/#2", "change:h/acme/new/staging/#2", "change:h/acme/new/staging/#2/stage=review",
		"change:h/acme/new/production/#1", "change:h/acme/new/production/#3", "change:h/acme/new/production/#3",
		"change:h/acme/olds/production/#4", "change:h/acme/old/production/#5")
	update(t, s, func(tx dora.Tx) error {
		for subject, want := range map[string]bool{"change:h/acme/new/staging/#2": true, "change:h/acme/old/staging/#2": false, "change:h/acme/old/production/#1": true} {
			known, err := tx.Facts().Has(dora.Changes, subject)
			whether(t, "Has "+subject, want, known, err)
		}
		return nil
	})
}

// A reference finds what belongs to a repository by each name that it has had.
func namedByFormerNames(t *testing.T, s Store) {
	d := success(1, 1)
	d.Identity = "api.github.com/acme/first"
	another := success(2, 2)
	another.Identity = "api.github.com/acme/web#9"
	ship(t, s, d, false, "#7")
	ship(t, s, another, false, "#7")
	repositories(t, s, func(tx dora.RepositoryTx) error { return tx.AddName(d.Identity, "acme/first", minute(0)) })
	for name, want := range map[string][]int64{"first": {1}, "First": {1}, "web": {1, 2}, "none": nil} {
		named(t, s, name, dora.Reference{Owner: "acme", Repository: name, PullRequest: 7}, want...)
	}
	for name, want := range map[string]bool{"acme/first": true, "Acme/First": true, "acme/web": true, "acme/none": false, "other/first": false} {
		owner, repository, _ := strings.Cut(name, "/")
		called, err := s.Past(d).Called(t.Context(), owner, repository)
		whether(t, "called "+name, want, called, err)
	}
	called, err := s.Past(another).Called(t.Context(), "acme", "first")
	whether(t, "another one called first", false, called, err)
	same(t, "WithNumber", []int64{1}, idsOf(must[[]dora.DeploymentRecord](t)(s.WithNumber(t.Context(), 1))))
}

// Environments whose names differ in case alone are one, spelled as the first was in its repository.
func environmentsOfRepositories(t *testing.T, s Store) {
	add := func(repository, name string, production bool, want string) {
		t.Helper()
		repositories(t, s, func(tx dora.RepositoryTx) error {
			got, err := tx.AddEnvironment(repository, name, production)
			same(t, name+" of "+repository, want, got)
			return err
		})
	}
	add("h/a/b", "Production", false, "Production")
	add("h/a/b", "production", true, "Production")
	add("h/a/b", "PRODUCTION", false, "Production")
	add("h/a/c", "production", false, "production")
	add("h/a/b", "Zürich/EU", false, "Zürich/EU")
	add("h/a/b", "ZÜRICH/eu", false, "Zürich/EU")
	add("h/a/b", "Zurich/EU", false, "Zurich/EU")
	add("h/a/b", "", false, "")
	want := []dora.Environment{{Name: "Production", Production: true}, {}, {Name: "Zurich/EU"}, {Name: "Zürich/EU"}}
	same(t, "Environments", want, must[[]dora.Environment](t)(s.Environments(t.Context(), limit)))
	same(t, "some", want[:2], must[[]dora.Environment](t)(s.Environments(t.Context(), 2)))
}
