package pipeline_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// Rollbacks follow from runs alone. Each deployment is created a minute before its first status, unless the case says otherwise.
func TestRollbacks(t *testing.T) {
	ship := func(id int64, sha string, minute int) dora.Event { return deployed(id, sha, "success", minute) }
	rolledBack := func(recovery string) []string {
		return []string{`failures_total{cause="rollback"} 1`, "recovery " + recovery, `rework{cause="rollback"} 1`}
	}
	// again is what follows if the deployment that was rolled back to is an old one that runs again.
	again := func(recovery string) []string {
		return []string{`failures_total{cause="rollback"} 1`, "recovery " + recovery}
	}
	checkFailures(t, []failureCase{
		{
			name:   "V1 V2 V3 V1 marks V2",
			events: created(ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V3", 30), ship(4, "V1", 50)),
			want:   rolledBack("30"),
		},
		{
			name:   "V1 V2 V1 V2: the last goes forward again",
			events: created(ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V1", 25), ship(4, "V2", 50)),
			want:   rolledBack("5"),
		},
		{
			name:   "commits that are on no line: the last goes forward again",
			events: created(ship(1, "X1", 10), ship(2, "X2", 20), ship(3, "X1", 25), ship(4, "X2", 50)),
			want:   rolledBack("5"),
		},
		{
			name:   "a commit that is ahead, but ran before the running one",
			events: created(ship(1, "V2", 10), ship(2, "V1", 20), ship(3, "V2", 30)),
			want:   rolledBack("10"),
		},
		{
			name:   "an older commit that never ran here",
			events: created(ship(1, "V2", 10), ship(2, "V3", 20), ship(3, "V1", 30)),
		},
		{
			name:   "the same commit twice, then the older one: the first of the two is what came next",
			events: created(ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V2", 30), ship(4, "V1", 50)),
			want:   rolledBack("30"),
		},
		{
			name:   "the running commit again",
			events: created(ship(1, "V1", 10), ship(2, "V1", 20), ship(3, "V1", 30)),
		},
		{
			name:   "step by step: V3, then V2",
			events: created(ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V3", 30), ship(4, "V2", 50), ship(5, "V1", 65)),
			want: []string{
				`failures_total{cause="rollback"} 1`, `failures_total{cause="rollback"} 1`, "recovery 20", "recovery 45",
				`rework{cause="rollback"} 1`, `rework{cause="rollback"} 1`,
			},
		},
		{
			name:   "a slow job of an older release, created before the newer one had succeeded",
			events: []dora.Event{ship(1, "V1", 10), createdAt(ship(2, "V2", 20), 15), createdAt(ship(3, "V1", 30), 19)},
		},
		{
			name:   "created at the second of the success that it would take back",
			events: []dora.Event{ship(1, "V1", 10), createdAt(ship(2, "V2", 20), 15), createdAt(ship(3, "V1", 30), 20)},
		},
		{
			name: "a job of a newer release goes on during the rollback and ends before it",
			events: []dora.Event{
				ship(1, "V1", 10), createdAt(ship(2, "V2", 20), 15), createdAt(ship(3, "V3", 30), 21), createdAt(ship(4, "V1", 35), 25),
			},
			want: rolledBack("15"),
		},
		{
			name: "a job of a newer release goes on during the rollback and ends after it",
			events: []dora.Event{
				ship(1, "V1", 10), createdAt(ship(2, "V2", 20), 15), createdAt(ship(3, "V3", 40), 21), createdAt(ship(4, "V1", 35), 25),
			},
			want: rolledBack("15"),
		},
		{
			name:   "payloads that name no commit",
			events: created(ship(1, "", 10), ship(2, "V2", 20), ship(3, "", 30)),
		},
		{
			name:   "an old deployment runs again",
			events: created(ship(1, "V1", 10), ship(2, "V2", 20), deployed(1, "V1", "inactive", 21), ship(1, "V1", 50)),
			want:   again("30"),
		},
		{
			name:   "it reports success again and again: the first one counts",
			events: created(ship(1, "V1", 10), ship(2, "V2", 20), ship(1, "V1", 50), ship(1, "V1", 55)),
			want:   again("30"),
		},
		{
			name:   "it runs again twice, with the other one in between: that is marked once",
			events: created(ship(1, "V1", 10), ship(2, "V2", 20), ship(1, "V1", 25), ship(2, "V2", 30), ship(1, "V1", 35)),
			want:   again("5"),
		},
		{
			name:   "the newest one reports success again",
			events: created(ship(1, "V1", 10), ship(2, "V2", 20), ship(2, "V2", 25)),
		},
		{
			name:   "a repeated success before another one's",
			events: created(ship(1, "V1", 10), ship(1, "V1", 15), ship(2, "V2", 20)),
		},
		{
			name:   "two steps back by old deployments",
			events: created(ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V3", 30), ship(2, "V2", 40), ship(1, "V1", 55)),
			want:   []string{`failures_total{cause="rollback"} 1`, `failures_total{cause="rollback"} 1`, "recovery 10", "recovery 35"},
		},
		{
			name:   "an old deployment of the commit that is running",
			events: created(ship(1, "V1", 10), ship(2, "V1", 20), ship(1, "V1", 30)),
		},
		{
			name: "what follows an old deployment that runs again and has a hotfix: the old one needed it",
			repository: func(w *repository) {
				w.policy.HotfixBranches = dora.MustFilter("hotfix/*")
				w.changes["V3"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 3, Branch: "hotfix/login"}}
			},
			events: created(ship(1, "V1", 10), ship(2, "V2", 20), ship(1, "V1", 50), ship(3, "V3", 70)),
			want: []string{
				`failures_total{cause="rollback"} 1`, "recovery 30", `failures_total{cause="hotfix"} 1`, "recovery 60", `rework{cause="hotfix"} 1`,
			},
		},
		{
			name:       "an incident soon after an old deployment runs again is about that",
			repository: func(w *repository) { w.policy.IncidentWindow = 15 * 60e9 },
			events:     append(created(ship(1, "V1", 10), ship(2, "V2", 20), ship(1, "V1", 50)), incidentOf(60, 90)),
			want: []string{
				`failures_total{cause="rollback"} 1`, "recovery 30", `failures_total{cause="window"} 1`, "recovery 80",
			},
		},
		{
			name:       "an incident after a repeated success alone is not",
			repository: func(w *repository) { w.policy.IncidentWindow = 15 * 60e9 },
			events:     append(created(ship(1, "V1", 10), ship(1, "V1", 50)), incidentOf(60, 90)),
		},
	})
}

// The rest of what a deployment that runs again changes: what the next one ships, but not how many deployments there are.
func TestRunsAgain(t *testing.T) {
	w := newRepository("V1", "V2", "V3")
	w.changes["V2"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2}}
	var bases []string
	w.down = func(c dora.Comparison) error {
		bases = append(bases, c.Base+".."+c.Head.SHA)
		return nil
	}
	store := openStore(t)
	accept(t, store, created(deployed(1, "V1", "success", 10), deployed(2, "V2", "success", 20), deployed(1, "V1", "success", 30), deployed(3, "V3", "success", 40))...)
	w.settle(t, store)
	if want := []string{"..V1", "V1..V2", "V1..V3"}; !slices.Equal(bases, want) {
		t.Errorf("compared are %q, want %q", bases, want)
	}
	var deployments []string
	for _, line := range brief(t, store) {
		if line == `deployments_total{outcome="success"} 1` {
			deployments = append(deployments, line)
		}
	}
	if len(deployments) != 3 {
		t.Errorf("%d successful deployments are counted, want 3:\n%q", len(deployments), brief(t, store))
	}
}

// createdAt returns a status of a deployment that was created so many minutes after nine.
func createdAt(e dora.Event, at int) dora.Event {
	e.Status.Deployment.CreatedAt = minute(at)
	return e
}

// An event that arrives after its neighbours have been evaluated adds what they show together with it.
func TestLateRuns(t *testing.T) {
	ship := func(id int64, sha string, minute int) dora.Event { return deployed(id, sha, "success", minute) }
	for name, test := range map[string]struct {
		before, late []dora.Event
		wantLate     int
		// base is the commit that deployment 3 is compared with in the end.
		base    string
		want    []string
		rework  []string
		changes int
	}{
		"an old deployment runs again": {
			before: created(ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V3", 40)), late: []dora.Event{ship(1, "V1", 30)},
			wantLate: 1, base: "V1", want: []string{"rollback 1"}, changes: 3,
		},
		"what an old deployment takes back by running again": {
			before: created(ship(1, "V1", 10), ship(1, "V1", 30), ship(3, "V3", 40)), late: created(ship(2, "V2", 20)),
			wantLate: 1, base: "V1", want: []string{"rollback 1"}, changes: 3,
		},
		"what a rollback takes back": {
			before: created(ship(1, "V1", 10), ship(3, "V1", 30)), late: created(ship(2, "V2", 20)),
			wantLate: 1, base: "V2", want: []string{"rollback 1"}, rework: []string{"rollback 1"}, changes: 2,
		},
		"a repeated success": {
			before: created(ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V3", 40)), late: []dora.Event{ship(2, "V2", 30)},
			wantLate: 1, base: "V2", changes: 3,
		},
		"an earlier success of a deployment": {
			before: append(created(ship(1, "V1", 10), ship(2, "V2", 30)), createdAt(ship(3, "V3", 40), 15)), late: []dora.Event{createdAt(ship(3, "V3", 20), 15)},
			wantLate: 1, base: "V1", want: []string{"rollback 1"}, changes: 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, x := newEmptyHistory(t)
				x.arrive(test.before...)
				x.settle()
				wantFamily(t, x, "before", dora.ChangeFailures)
				x.arrive(test.late...)
				x.settle()
				wantFamily(t, x, "after", dora.ChangeFailures, test.want...)
				wantFamily(t, x, "after", dora.ReworkDeployments, test.rework...)
				if n := len(x.subjects(dora.Changes)); n != test.changes {
					t.Errorf("%d changes, want %d", n, test.changes)
				}
				if x.late != test.wantLate {
					t.Errorf("%d late events, want %d", x.late, test.wantLate)
				}
				d, _, err := x.store.Deployment(t.Context(), ship(3, "", 0).Status.Deployment.Key())
				if err != nil || d.Shipment == nil || d.Shipment.Base != test.base {
					t.Errorf("deployment 3 ships %+v, %v, want it compared with %s", d.Shipment, err, test.base)
				}
			})
		})
	}
}

// Two statuses of success in the same second are one run.
func TestRunsOfTheSameSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x := newEmptyHistory(t)
		again := deployed(1, "V1", "success", 10)
		again.Status.ID++
		x.arrive(deployed(1, "V1", "success", 10), again)
		err := x.store.Update(t.Context(), func(tx dora.Tx) error {
			d, _, err := tx.History().Deployment(again.Status.Deployment.Key())
			if err != nil {
				return err
			}
			runs, err := rules.RunsOf(tx.History(), d)
			if len(d.Outcomes) != 2 || len(runs) != 1 {
				t.Errorf("%d statuses of success are %d runs, want 2 and 1", len(d.Outcomes), len(runs))
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// In an outage, events may arrive in any order, however long that takes.
func TestRunsInAnOutage(t *testing.T) {
	ship := func(id int64, sha string, minute int) dora.Event { return deployed(id, sha, "success", minute) }
	for name, test := range map[string]struct {
		first, then []dora.Event
		want        []string
		recovery    []string
	}{
		"what a rollback takes back was another one": {
			first: created(ship(1, "V1", 10), ship(3, "V3", 30), ship(4, "V1", 40)), then: created(ship(2, "V2", 20)),
			want: []string{"rollback 1"}, recovery: []string{minutes(20)},
		},
		"what an old deployment takes back was another one": {
			first: created(ship(1, "V1", 10), ship(3, "V3", 30), ship(1, "V1", 40)), then: created(ship(2, "V2", 20)),
			want: []string{"rollback 1"}, recovery: []string{minutes(20)},
		},
		"the commit had run before after all": {
			first: created(ship(2, "V2", 20), ship(3, "V1", 30), ship(4, "V2", 40)), then: created(ship(1, "V1", 10)),
			want: []string{"rollback 1"}, recovery: []string{minutes(10)},
		},
		"a deployment that failed had been replaced": {
			first: created(ship(1, "V1", 10), deployed(1, "V1", "failure", 25)), then: created(ship(2, "V2", 20)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, x := newEmptyHistory(t)
				down := true
				p.repos["web"].down = func(dora.Comparison) error {
					if down {
						return errors.New("502")
					}
					return nil
				}
				x.arrive(test.first...)
				x.run(5 * time.Minute)
				x.arrive(test.then...)
				x.run(5 * time.Minute)
				wantFamily(t, x, "in the outage", dora.ChangeFailures)
				down = false
				x.settle()
				wantFamily(t, x, "after it", dora.ChangeFailures, test.want...)
				wantFamily(t, x, "after it", dora.Recovery, test.recovery...)
				if x.late > 0 {
					t.Errorf("%d events were late", x.late)
				}
			})
		})
	}
}
