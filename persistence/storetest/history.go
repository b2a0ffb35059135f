package storetest

import (
	"testing"

	"dora-exporter/dora"
)

// What is saved of a deployment is found by all that names it. Deployments that have not succeeded are known by their keys alone.
func historyRules() rules {
	return rules{
		"saved":  savedAgain,
		"keys":   deploymentsByKey,
		"scopes": historiesOfScopes,
	}
}

// numbered fails if it is not the deployment of this number that is found; 0 for none.
func numbered(t *testing.T, what string, want int64, d dora.DeploymentRecord, known bool, err error) {
	t.Helper()
	if err != nil || d.ID != want || known != (want != 0) {
		t.Errorf("%s = %d, %t, %v; want %d", what, d.ID, known, err, want)
	}
}

// Save replaces all that is known of a deployment, also what it is found by.
func savedAgain(t *testing.T, s Store) {
	before := success(1, 5)
	before.Outcomes, before.InProduction = nil, false
	save(t, s, before)
	update(t, s, func(tx dora.Tx) error {
		d, known, err := tx.History().Previous(scope(), dora.Moment{At: minute(9)})
		numbered(t, "Previous before the success", 0, d.DeploymentRecord, known, err)
		return nil
	})
	after := success(1, 5)
	after.Team, after.SHA, after.Environment, after.Repository = "Mobile", "abcdef0", "Production EU", "app"
	after.Shipment = &dora.Shipment{Relation: dora.Ahead, Changes: []dora.Change{{SHA: "abcdef0"}}}
	save(t, s, after)
	update(t, s, func(tx dora.Tx) error {
		d, known, err := tx.History().Deployment(after.Key())
		if !known || err != nil {
			t.Errorf("Deployment = %t, %v", known, err)
		}
		same(t, "Deployment", after, d)
		found := map[string]func() (dora.Run, bool, error){
			"Previous": func() (dora.Run, bool, error) {
				return tx.History().Previous(after.Scope(), dora.Moment{At: minute(9)})
			},
			"Next":     func() (dora.Run, bool, error) { return tx.History().Next(after.Scope(), dora.Moment{}) },
			"NewestOf": func() (dora.Run, bool, error) { return tx.History().NewestOf("Mobile", minute(9)) },
			"FirstRun": func() (dora.Run, bool, error) { return tx.History().FirstRun(after.Scope(), "abcdef0") },
			"LatestRun": func() (dora.Run, bool, error) {
				return tx.History().LatestRun(after.Scope(), "abcdef0", dora.Moment{At: minute(9)})
			},
		}
		for name, find := range found {
			run, known, err := find()
			if !known || err != nil {
				t.Errorf("%s = %t, %v", name, known, err)
			}
			same(t, name, dora.Run{DeploymentRecord: after, At: minute(5)}, run)
		}
		run, known, err := tx.History().NewestOf("Platform", minute(9))
		numbered(t, "NewestOf the former team", 0, run.DeploymentRecord, known, err)
		run, known, err = tx.History().Previous(scope(), dora.Moment{At: minute(9)})
		numbered(t, "Previous in the former scope", 0, run.DeploymentRecord, known, err)
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
			numbered(t, "the newest in "+name, d.ID, got.DeploymentRecord, known, err)
			got, known, err = tx.History().Previous(d.Scope(), d.Moment())
			numbered(t, "before the one in "+name, 0, got.DeploymentRecord, known, err)
		}
		return nil
	})
}
