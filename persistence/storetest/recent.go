package storetest

import (
	"testing"

	"dora-exporter/dora"
)

// What was just written is read as it is committed, whatever was read before.
func recentRules() rules {
	return rules{"names": recentNames, "origins": recentOrigins, "facts": recentFacts}
}

// recentNames calls a repository by names whose events arrive in any order, and reads the newest after each.
func recentNames(t *testing.T, s Store) {
	const key = "h/acme/web"
	newest := func(what, want string) {
		t.Helper()
		same(t, what, want, must[string](t)(s.NewestName(t.Context(), key)))
	}
	newest("before any event", "")
	addRepository(t, s, dora.Repository{Key: key, Host: "h"})
	newest("without a name", "")
	for _, test := range []struct {
		what, name string
		at         int
		want       string
	}{
		{"the first", "acme/web", 5, "acme/web"},
		{"an earlier one", "acme/old", 3, "acme/web"},
		{"the first again, earlier", "acme/web", 1, "acme/web"},
		{"one between the two", "acme/old", 4, "acme/web"},
		{"a later one", "acme/old", 6, "acme/old"},
		{"at the same time, behind it in the alphabet", "acme/web", 6, "acme/old"},
		{"at the same time, before it in the alphabet", "acme/api", 6, "acme/api"},
	} {
		repositories(t, s, func(tx dora.RepositoryTx) error { return tx.AddName(key, test.name, minute(test.at)) })
		newest(test.what, test.want)
	}
	_ = s.Update(t.Context(), func(tx dora.Tx) error {
		if err := tx.Repositories().AddName(key, "acme/undone", minute(9)); err != nil {
			t.Error(err)
		}
		return errRule
	})
	newest("what is undone", "acme/api")
	repositories(t, s, func(tx dora.RepositoryTx) error { return tx.AddName(key, "acme/done", minute(8)) })
	newest("what follows it", "acme/done")
}

// recentOrigins replaces an origin, and undoes a replacement.
func recentOrigins(t *testing.T, s Store) {
	key := commit("a").Key()
	known := func(what string, want dora.Origin, wanted bool) {
		t.Helper()
		got, known, err := s.KnownOrigin(t.Context(), key)
		if err != nil || known != wanted {
			t.Errorf("%s: KnownOrigin = %t, %v", what, known, err)
		}
		same(t, what, want, got)
		update(t, s, func(tx dora.Tx) error {
			inside, known, err := tx.Commits().Origin(key)
			if known != wanted {
				t.Errorf("%s: Origin = %t", what, known)
			}
			same(t, what+", in a transaction", want, inside)
			return err
		})
	}
	first, second := dora.Origin{FirstCommit: minute(1), Title: "first"}, dora.Origin{FirstCommit: minute(2), PullCommits: []dora.PullCommit{{SHA: "b"}}}
	many := second
	for range 200 {
		many.PullCommits = append(many.PullCommits, dora.PullCommit{SHA: "c"})
	}
	known("nothing", dora.Origin{}, false)
	for what, origin := range map[string]dora.Origin{"first": first, "second": second, "many commits": many} {
		update(t, s, func(tx dora.Tx) error { return tx.Commits().SaveOrigin(key, origin) })
		known(what, origin, true)
		_ = s.Update(t.Context(), func(tx dora.Tx) error {
			if err := tx.Commits().SaveOrigin(key, dora.Origin{Title: "undone"}); err != nil {
				t.Error(err)
			}
			return errRule
		})
		known(what+" after another one was undone", origin, true)
	}
}

// recentFacts undoes facts, adds them again, and reads them in between from before and behind them.
func recentFacts(t *testing.T, s Store) {
	for _, subject := range []string{"a", "b"} {
		_ = s.Update(t.Context(), func(tx dora.Tx) error {
			if added, err := tx.Facts().Add(fact(subject)); err != nil || !added {
				t.Errorf("Add = %t, %v", added, err)
			}
			return errRule
		})
		addFacts(t, s, fact(subject))
		update(t, s, func(tx dora.Tx) error {
			if added, err := tx.Facts().Add(fact(subject)); err != nil || added {
				t.Errorf("Add of a fact that is there = %t, %v", added, err)
			}
			return nil
		})
	}
	inOrder(t, s, "a", "b")
	for after, want := range []int{2, 1, 0} {
		if got := must[[]dora.Fact](t)(s.Facts(t.Context(), int64(after), 10)); len(got) != want {
			t.Errorf("%d facts after position %d, want %d", len(got), after, want)
		}
	}
	inOrder(t, s, "a", "b")
}
