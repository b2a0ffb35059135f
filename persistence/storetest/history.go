package storetest

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// The successes of a scope follow one another by time, then by number. Moments are compared exactly; deployments that have not
// succeeded are known by their keys alone.
func historyRules() rules {
	return rules{
		"neighbours": previousAndNext,
		"run":        latestRunOfACommit,
		"newest":     newestOfATeam,
		"saved":      savedAgain,
		"keys":       deploymentsByKey,
		"scopes":     historiesOfScopes,
	}
}

// numbered fails if it is not the deployment of this number that is found; 0 for none.
func numbered(t *testing.T, what string, want int64, d dora.DeploymentRecord, known bool, err error) {
	t.Helper()
	if err != nil || d.ID != want || known != (want != 0) {
		t.Errorf("%s = %d, %t, %v; want %d", what, d.ID, known, err, want)
	}
}

func previousAndNext(t *testing.T, s Store) {
	failed := success(5, 3)
	failed.Outcomes[0].State = "failure"
	save(t, s, success(1, 1), success(9, 2), success(10, 2), success(100, 2), success(2, 4), failed)
	update(t, s, func(tx dora.Tx) error {
		for name, test := range map[string]struct {
			at             dora.Moment
			previous, next int64
		}{
			"before all":       {dora.Moment{At: minute(0), ID: 9}, 0, 1},
			"the first":        {dora.Moment{At: minute(1), ID: 1}, 0, 9},
			"a smaller number": {dora.Moment{At: minute(2), ID: 8}, 1, 9},
			"in between":       {dora.Moment{At: minute(2), ID: 10}, 9, 100},
			"a larger number":  {dora.Moment{At: minute(2), ID: 101}, 100, 2},
			"a millisecond":    {dora.Moment{At: minute(2).Add(time.Millisecond)}, 100, 2},
			"the last":         {dora.Moment{At: minute(4), ID: 2}, 100, 0},
			"after all":        {dora.Moment{At: minute(9)}, 2, 0},
		} {
			d, known, err := tx.History().Previous(scope(), test.at)
			numbered(t, name+": Previous", test.previous, d, known, err)
			d, known, err = tx.History().Next(scope(), test.at)
			numbered(t, name+": Next", test.next, d, known, err)
		}
		return nil
	})
	d, known, err := s.Before(t.Context(), success(10, 2))
	numbered(t, "Before the second", 9, d, known, err)
	d, known, err = s.Before(t.Context(), success(1, 1))
	numbered(t, "Before the first", 0, d, known, err)
}

func latestRunOfACommit(t *testing.T, s Store) {
	run := func(id, at int, sha string) dora.DeploymentRecord {
		d := success(id, at)
		d.SHA = sha
		return d
	}
	elsewhere := run(7, 3, "a")
	elsewhere.Environment = "staging"
	save(t, s, run(1, 1, "a"), run(2, 2, "a"), run(3, 3, "b"), run(4, 4, "a"), run(5, 2, "ab"), run(6, 2, "A"), elsewhere)
	update(t, s, func(tx dora.Tx) error {
		for _, test := range []struct {
			sha  string
			at   dora.Moment
			want int64
		}{
			{"a", dora.Moment{At: minute(9)}, 4},
			{"a", dora.Moment{At: minute(4), ID: 4}, 2},
			{"a", dora.Moment{At: minute(2), ID: 2}, 1},
			{"a", dora.Moment{At: minute(1), ID: 1}, 0},
			{"b", dora.Moment{At: minute(9)}, 3},
			{"", dora.Moment{At: minute(9)}, 0},
			{"a%", dora.Moment{At: minute(9)}, 0},
		} {
			d, known, err := tx.History().LatestRun(scope(), test.sha, test.at)
			numbered(t, "LatestRun of "+test.sha, test.want, d, known, err)
		}
		return nil
	})
}

func newestOfATeam(t *testing.T, s Store) {
	staging, other := success(4, 4), success(5, 5)
	staging.InProduction, other.Team = false, "platform"
	library := success(3, 2)
	library.Repository = "library"
	save(t, s, success(1, 1), success(2, 2), library, staging, other)
	update(t, s, func(tx dora.Tx) error {
		for _, test := range []struct {
			team   string
			before time.Time
			want   int64
		}{
			{"Platform", minute(9), 3},
			{"Platform", minute(2), 1},
			{"Platform", minute(1), 0},
			{"platform", minute(9), 5},
			{"", minute(9), 0},
			{"Platform ", minute(9), 0},
			{"Plat%", minute(9), 0},
		} {
			d, known, err := tx.History().NewestOf(test.team, test.before)
			numbered(t, "NewestOf "+test.team, test.want, d, known, err)
		}
		return nil
	})
}

// Save replaces all that is known of a deployment, also what it is found by.
func savedAgain(t *testing.T, s Store) {
	before := success(1, 5)
	before.Outcomes, before.InProduction = nil, false
	save(t, s, before)
	update(t, s, func(tx dora.Tx) error {
		d, known, err := tx.History().Previous(scope(), dora.Moment{At: minute(9)})
		numbered(t, "Previous before the success", 0, d, known, err)
		return nil
	})
	after := success(1, 5)
	after.Team, after.SHA, after.Environment, after.Repository = "Mobile", "abcdef0", "Production EU", "app"
	after.Shipment = &dora.Shipment{Relation: dora.Ahead, Changes: []dora.Change{{SHA: "abcdef0"}}}
	save(t, s, after)
	update(t, s, func(tx dora.Tx) error {
		found := map[string]func() (dora.DeploymentRecord, bool, error){
			"Deployment": func() (dora.DeploymentRecord, bool, error) { return tx.History().Deployment(after.Key()) },
			"Previous": func() (dora.DeploymentRecord, bool, error) {
				return tx.History().Previous(after.Scope(), dora.Moment{At: minute(9)})
			},
			"NewestOf": func() (dora.DeploymentRecord, bool, error) { return tx.History().NewestOf("Mobile", minute(9)) },
			"LatestRun": func() (dora.DeploymentRecord, bool, error) {
				return tx.History().LatestRun(after.Scope(), "abcdef0", dora.Moment{At: minute(9)})
			},
		}
		for name, find := range found {
			d, known, err := find()
			if !known || err != nil {
				t.Errorf("%s = %t, %v", name, known, err)
			}
			same(t, name, after, d)
		}
		d, known, err := tx.History().NewestOf("Platform", minute(9))
		numbered(t, "NewestOf the former team", 0, d, known, err)
		d, known, err = tx.History().Previous(scope(), dora.Moment{At: minute(9)})
		numbered(t, "Previous in the former scope", 0, d, known, err)
		return nil
	})
	same(t, "by its repository", []int64{1}, idsOf(must[[]dora.DeploymentRecord](t)(s.Deployments(t.Context(), "acme", "app", 1))))
}

// The number alone names no deployment: those of two servers overlap.
func deploymentsByKey(t *testing.T, s Store) {
	other := success(1, 2)
	other.Host = "github.example.com"
	save(t, s, success(1, 1), success(11, 3), other)
	update(t, s, func(tx dora.Tx) error {
		for key, want := range map[string]int{success(1, 1).Key(): 1, other.Key(): 2, success(11, 3).Key(): 3} {
			d, known, err := tx.History().Deployment(key)
			if err != nil || !known || !d.Succeeded().Equal(minute(want)) {
				t.Errorf("Deployment(%q) = %+v, %t, %v", key, d, known, err)
			}
		}
		for _, key := range []string{"", "api.github.com/", "api.github.com/111", "API.github.com/1", "api.github.com/1 "} {
			d, known, err := tx.History().Deployment(key)
			numbered(t, "Deployment of "+key, 0, d, known, err)
		}
		return nil
	})
}

func historiesOfScopes(t *testing.T, s Store) {
	for i, name := range oddNames() {
		d := success(i+1, i)
		d.Identity = "h/acme/" + name
		save(t, s, d)
	}
	update(t, s, func(tx dora.Tx) error {
		for i, name := range oddNames() {
			d := success(i+1, i)
			d.Identity = "h/acme/" + name
			got, known, err := tx.History().Previous(d.Scope(), dora.Moment{At: minute(999)})
			numbered(t, "the newest in "+name, d.ID, got, known, err)
			got, known, err = tx.History().Previous(d.Scope(), d.Moment())
			numbered(t, "before the one in "+name, 0, got, known, err)
		}
		return nil
	})
}
