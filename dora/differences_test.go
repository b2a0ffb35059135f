package dora_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence"
)

// report is made from what a store has.
func (w *world) report(t *testing.T, store *persistence.Store) dora.Report {
	t.Helper()
	o := dora.ReportOptions{Now: morning.Add(24 * time.Hour), Since: 90 * 24 * time.Hour}
	facts := dora.NewTally(o)
	records, err := store.Records(t.Context(), facts.Add, dora.Compared()...)
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.policy.Report(records, facts, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDifferences(t *testing.T) {
	ship := func(id int64, sha string, minute int) dora.Event { return deployed(id, sha, "success", minute) }
	for _, test := range []struct {
		name string
		// events come in time, late when all of them have been settled.
		events, late []dora.Event
		want         []dora.Difference
	}{
		{
			name:   "nothing came late",
			events: []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V1", 30), incidentOf(25, 90, 1)},
		},
		{
			// V2 has a lead time from eight to 9:30 on /metrics, and to 9:20 by all events: 80 minutes in the place of 90. With those of
			// V1 (70) and V3 (90) they are 240 minutes, and 250 on /metrics.
			name:   "a deployment between two others",
			events: []dora.Event{ship(1, "V1", 10), ship(3, "V3", 30)},
			late:   []dora.Event{ship(2, "V2", 20)},
			want:   []dora.Difference{{"Platform", "dora_change_lead_time_seconds_sum", 240 * 60, 250 * 60}},
		},
		{
			// The incident was the cause until the earlier status came. No success has followed to repair it, so that the 80 minutes from
			// the success to the resolution are no recovery.
			name:   "earlier evidence",
			events: []dora.Event{ship(1, "V1", 10), incidentOf(30, 90, 1)},
			late:   []dora.Event{deployed(1, "V1", "failure", 15)},
			want: []dora.Difference{
				{"Platform", `dora_change_failures_total{cause="incident"}`, 0, 1},
				{"Platform", `dora_change_failures_total{cause="status"}`, 1, 0},
				{"Platform", "dora_failed_deployment_recovery_seconds_count", 0, 1},
				{"Platform", "dora_failed_deployment_recovery_seconds_sum", 0, 80 * 60},
			},
		},
		{
			name:   "an incident",
			events: []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20)},
			late:   []dora.Event{incidentOf(15, 90, 1)},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, store := newWorld("V1", "V2", "V3"), openStore(t)
			accept(t, store, test.events...)
			w.settle(t, store)
			accept(t, store, test.late...)
			w.settle(t, store)
			if diff := cmp.Diff(test.want, w.report(t, store).Differences); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A report of what came in time has the numbers of the facts: the history in memory and the one in the store say the same.
func TestReportAndFactsAgree(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w, store := newWorld("V1", "V2", "V3", "V4", "V5", "V6"), openStore(t)
			accept(t, store, w.random(rand.New(rand.NewPCG(seed, 1)))...)
			w.settle(t, store)
			if differences := w.report(t, store).Differences; len(differences) > 0 {
				t.Errorf("%v", differences)
			}
		})
	}
}

// random is a history of deployments, statuses that follow, and an incident, in any order.
func (w *world) random(r *rand.Rand) []dora.Event {
	all := append([]string{"X1", "X2"}, w.line...)
	for n, sha := range w.line {
		c := dora.Change{Origin: dora.Origin{PullRequest: n + 1, FirstCommit: morning.Add(time.Duration(r.IntN(60)) * time.Minute)}}
		if r.IntN(3) == 0 {
			c.Reverts = []string{fmt.Sprintf("#%d", 1+r.IntN(len(w.line)))}
		}
		if r.IntN(4) == 0 {
			c.Branch = "hotfix/it"
		}
		if r.IntN(5) == 0 {
			c.Author = "dependabot[bot]"
		}
		if r.IntN(5) == 0 {
			c.PullRequest = 0
		}
		w.changes[sha] = c
	}
	if r.IntN(2) == 0 {
		w.policy.HotfixBranches = []string{"hotfix/*"}
	}
	if r.IntN(2) == 0 {
		w.policy.IncidentWindow = 20 * time.Minute
	}
	var events []dora.Event
	for id := range int64(4 + r.IntN(8)) {
		sha, minute := all[r.IntN(len(all))], r.IntN(90)
		events = append(events, deployed(id+1, sha, "success", minute))
		if after := r.IntN(100); after != minute && r.IntN(3) == 0 { // the minute makes the status's id
			events = append(events, deployed(id+1, sha, []string{"failure", "error", "inactive"}[r.IntN(3)], after))
		}
	}
	if created := r.IntN(90); r.IntN(3) > 0 {
		refs := []dora.Reference{
			{Owner: "acme", Repository: "web", Deployment: int64(1 + r.IntN(9)), PullRequest: int64(1 + r.IntN(9))},
			{Owner: "Acme", Repository: "Web", Commit: "V1"},
		}
		events = append(events, issue("updated", created, created, r.IntN(2)*(created+r.IntN(30)), refs[r.IntN(2):]...))
	}
	r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	return events
}
