package pipeline_test

import (
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
	"dora-exporter/persistence/sqlstore"
)

// rows returns the number of rows of tables.
func (x *longRun) rows(tables ...string) map[string]int {
	x.t.Helper()
	all := map[string]int{}
	for _, table := range sqlstore.Tables() {
		for _, name := range tables {
			if table.Name != name {
				continue
			}
			all[name] = 0
			err := x.store.EachRow(x.t.Context(), table, func([]any) error {
				all[name]++
				return nil
			})
			if err != nil {
				x.t.Fatal(err)
			}
		}
	}
	return all
}

// wantRows checks the number of rows of tables.
func (x *longRun) wantRows(what string, want map[string]int) {
	x.t.Helper()
	for table, n := range want {
		if got := x.rows(table)[table]; got != n {
			x.t.Errorf("%s: %d rows in %s, want %d", what, got, table, n)
		}
	}
}

// Deployments that never run leave nothing once they are old, but that their statuses have counted.
func TestAbandonedDeploymentsGo(t *testing.T) {
	x := newLongRun(t)
	for n := range 5 {
		x.end(x.deployment(int64(n+1), "web", commitOf(n)), "waiting", time.Minute)
	}
	first := x.sent[0].Status
	x.wantRows("at first", map[string]int{"deployments": 0, "statuses": 5, "commits": 5})
	x.later(1)
	x.later(900)
	x.end(x.deployment(9, "web", commitOf(9)), "waiting", time.Minute)
	x.later(1)
	x.wantRows("when the others are old", map[string]int{"deployments": 0, "statuses": 1, "commits": 1, "lookups": 0, "waiting_statuses": 0})
	x.send(dora.Event{Backfilled: true, Status: &dora.Status{
		Deployment: first.Deployment, ID: dora.UnnumberedStatus(first.Deployment.ID, 0), State: "waiting", CreatedAt: first.CreatedAt,
	}})
	if n := total(x, dora.DeploymentsTotal); n != 6 {
		t.Errorf("github_deployments_total is %d after a history has told of a removed status, want 6", n)
	}
}

// Late events of a removed deployment leave nothing either.
func TestLateEventsOfARemovedDeploymentGo(t *testing.T) {
	x := newLongRun(t)
	d := x.deploy(1, "web", 1, false)
	x.later(1)
	x.deploy(2, "web", 2, true)
	x.later(900)
	x.end(d, "inactive", time.Minute)
	x.wantRows("after a late status", map[string]int{"deployments": 1, "statuses": 1, "commits": 2})
	x.later(900)
	x.deploy(3, "web", 3, true)
	x.later(1)
	x.wantRows("when it is old", map[string]int{"deployments": 2, "statuses": 2, "commits": 2})
}

// Origins that were looked up on the way to what a deployment ships go, too.
func TestOriginsOfUnshippedCommitsGo(t *testing.T) {
	x := newLongRun(t)
	x.deploy(1, "web", 1, false)
	x.later(1)
	d := x.deploy(2, "web", 2, true)
	learned := map[string]dora.Origin{d.SHA: {Title: "head"}, commitOf(70): {Title: "change"}, commitOf(71): {Title: "of another folder"}}
	ships := dora.Shipment{Changes: []dora.Change{{SHA: commitOf(70)}}}
	err := x.rules.Update(t.Context(), x.store, x.now, func(r *rules.Session) error { return r.SaveOrigins(d.Commit(), learned, ships) })
	if err != nil {
		t.Fatal(err)
	}
	x.wantRows("at first", map[string]int{"commits": 4, "unshipped": 1})
	x.later(1)
	x.deploy(3, "web", 3, true)
	x.later(900)
	x.deploy(4, "web", 4, true)
	x.later(1)
	// That of the change goes with a deployment that ships it. Here none is stored with it.
	x.wantRows("when it is old", map[string]int{"commits": 3, "unshipped": 0})
}
