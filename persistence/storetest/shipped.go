package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"dora-exporter/dora"
)

// A change is found by its name, #12, by its commit, or by the beginning of a commit's SHA.
func shippedRules() rules {
	return rules{"first": firstShipped, "names": shippedByName, "beginning": shippedByBeginning, "again": shippedAgain, "titled": titled, "removed": shippedNoMore}
}

func ship(t *testing.T, s Store, d dora.DeploymentRecord, revert bool, names ...string) {
	t.Helper()
	save(t, s, d)
	c := dora.Change{SHA: names[0]}
	if revert {
		c.Reverts = []string{"#0"}
	}
	update(t, s, func(tx dora.Tx) error { return tx.Deployments().AddShipped(d, c, names) })
}

// shippedFirst fails if it is not this deployment that shipped a change first; 0 for none.
func shippedFirst(t *testing.T, s Store, scope, name string, want int, wantRevert bool) {
	t.Helper()
	wantKey := ""
	if want != 0 {
		wantKey = success(want, 0).Key()
	}
	update(t, s, func(tx dora.Tx) error {
		key, revert, known, err := tx.History().FirstShipped(scope, name)
		if key != wantKey || revert != wantRevert || known != (want != 0) {
			t.Errorf("FirstShipped(%q) = %q, %t, %t; want %q, %t", name, key, revert, known, wantKey, wantRevert)
		}
		return err
	})
}

// The oldest deployment is that of the earliest success, then of the smallest number, whatever was stored first.
func firstShipped(t *testing.T, s Store) {
	ship(t, s, success(2, 5), false, "#1")
	shippedFirst(t, s, scope(), "#1", 2, false)
	ship(t, s, success(100, 3), false, "#1")
	ship(t, s, success(20, 3), true, "#1")
	ship(t, s, success(3, 4), false, "#1")
	shippedFirst(t, s, scope(), "#1", 20, true)
	shippedFirst(t, s, scope()+"/", "#1", 0, false)
	shippedFirst(t, s, strings.ToUpper(scope()), "#1", 0, false)
}

// Names of pull requests are no beginnings: #1 is not #12. Nor is a whole SHA.
func shippedByName(t *testing.T, s Store) {
	sha := strings.Repeat("a", 40)
	ship(t, s, success(1, 1), false, "#12", sha+"b")
	ship(t, s, success(2, 2), false, "#1", sha)
	shippedFirst(t, s, scope(), "#1", 2, false)
	shippedFirst(t, s, scope(), "#12", 1, false)
	shippedFirst(t, s, scope(), sha, 2, false)
	for _, name := range []string{"#", "#123", "#%", "#_", "%", "1", ""} {
		shippedFirst(t, s, scope(), name, 0, false)
	}
	ship(t, s, success(3, 9), false, "") // a deployment without a commit
	shippedFirst(t, s, scope(), "", 3, false)
}

func shippedByBeginning(t *testing.T, s Store) {
	for i, name := range lookAlikes() {
		ship(t, s, success(i+10, i+10), false, name)
	}
	shippedFirst(t, s, scope(), beginning, 0, false)
	for i, name := range continued() {
		ship(t, s, success(i+1, 9-i), false, name) // each is older than the one before
		shippedFirst(t, s, scope(), beginning, i+1, false)
	}
}

// A deployment that is said to ship a change twice keeps what was said last.
func shippedAgain(t *testing.T, s Store) {
	ship(t, s, success(1, 1), true, "#1", "abc1234")
	ship(t, s, success(1, 1), false, "#1")
	shippedFirst(t, s, scope(), "#1", 1, false)
	shippedFirst(t, s, scope(), "abc1234", 1, true)
}

// A title is that of a pull request, with or without its number behind it, or the subject of a commit.
func titled(t *testing.T, s Store) {
	add := func(d dora.DeploymentRecord, c dora.Change) {
		t.Helper()
		save(t, s, d)
		update(t, s, func(tx dora.Tx) error { return tx.Deployments().AddShipped(d, c, c.Names()) })
	}
	pull := func(number int, title string) dora.Change {
		return dora.Change{Origin: dora.Origin{PullRequest: number, Title: title}, SHA: "c"}
	}
	staging := success(5, 1)
	staging.Environment = "staging"
	add(success(1, 1), pull(1, "Sell"))
	add(success(2, 2), pull(1, "Sell"))
	add(success(3, 3), dora.Change{Origin: dora.Origin{Title: "Sell"}, SHA: "abc1234"})
	add(success(3, 3), pull(4, ""))
	add(staging, pull(6, "Sell"))
	for name, test := range map[string]struct {
		title string
		at    dora.DeploymentRecord
		want  []string
	}{
		"shipped twice":          {"Sell", success(2, 2), []string{"#1"}},
		"before it":              {"Sell", success(9, 0), nil},
		"two":                    {"Sell", success(3, 3), []string{"#1", "abc1234"}},
		"with its number":        {"Sell (#1)", success(9, 9), []string{"#1"}},
		"with another number":    {"Sell (#4)", success(9, 9), nil},
		"in another case":        {"sell", success(9, 9), nil},
		"of one without a title": {"", success(9, 9), nil},
	} {
		update(t, s, func(tx dora.Tx) error {
			got, err := tx.History().Titled(scope(), test.title, test.at.Moment())
			slices.Sort(got)
			same(t, name, test.want, got)
			return err
		})
	}
}

// What a deployment ships no more is removed by all names and titles of the change; other changes and deployments keep theirs.
func shippedNoMore(t *testing.T, s Store) {
	first, second := success(1, 1), success(2, 2)
	change := func(number int, title string) dora.Change {
		return dora.Change{Origin: dora.Origin{PullRequest: number, Title: title}, SHA: strings.Repeat("a", 39) + string(rune('0'+number)), Commits: []string{"b"}}
	}
	gone, stays := change(1, "Gone"), change(2, "Stays")
	save(t, s, first, second)
	update(t, s, func(tx dora.Tx) error {
		return errors.Join(tx.Deployments().AddShipped(first, gone, gone.Names()), tx.Deployments().AddShipped(first, stays, []string{"#2"}),
			tx.Deployments().AddShipped(second, gone, gone.Names()))
	})
	update(t, s, func(tx dora.Tx) error { return tx.Deployments().RemoveShipped(first, gone) })
	for _, name := range gone.Names() {
		shippedFirst(t, s, scope(), name, 2, false)
	}
	shippedFirst(t, s, scope(), "#2", 1, false)
	update(t, s, func(tx dora.Tx) error {
		before := must[[]string](t)(tx.History().Titled(scope(), "Gone", first.Moment()))
		after := must[[]string](t)(tx.History().Titled(scope(), "Gone", second.Moment()))
		others := must[[]string](t)(tx.History().Titled(scope(), "Stays", first.Moment()))
		same(t, "titles before the second, with it, and of another change", [][]string{nil, {"#1"}, {"#2"}}, [][]string{before, after, others})
		return nil
	})
}
