package storetest

import (
	"strings"
	"testing"

	"dora-exporter/dora"
)

// A change is found by its name, #12, by its commit, or by the beginning of a commit's SHA.
func shippedRules() rules {
	return rules{"first": firstShipped, "names": shippedByName, "beginning": shippedByBeginning, "again": shippedAgain}
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
