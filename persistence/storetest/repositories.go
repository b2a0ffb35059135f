package storetest

import (
	"slices"
	"strings"
	"testing"

	"dora-exporter/dora"
)

// A repository keeps its key under all names that events call it by.
func repositoryRules() rules {
	return rules{
		"ids": repositoriesByID, "names": repositoriesByName, "newest name": newestNames, "seen": repositoriesSeen, "merged": repositoriesMerged,
		"merged while evaluations wait": repositoriesMergedWaiting, "merged while evaluations are made": repositoriesMergedWhileEvaluated,
		"merged with what was counted": repositoriesMergedCounted, "merged names": repositoriesMergedNames, "merged days": repositoriesMergedDays,
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
