package pipeline_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/teststore"
	"dora-exporter/report"
)

// report returns the report about a store.
func (w *repository) report(t *testing.T, store *teststore.Store) report.Report {
	t.Helper()
	return reportFromRecords(t, store, w.policy, report.Options{Now: morning.Add(24 * time.Hour), Since: 90 * 24 * time.Hour})
}

// reportFromRecords returns a report by all records of a store.
func reportFromRecords(t *testing.T, store *teststore.Store, p dora.Policy, o report.Options) report.Report {
	t.Helper()
	facts := report.NewTally(o)
	records, err := store.Records(t.Context(), facts.Add, report.ComparedFamilies()...)
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.FromRecords(p, records, facts, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDifferences(t *testing.T) {
	ship := func(id int64, sha string, minute int) dora.Event { return deployed(id, sha, "success", minute) }
	for _, test := range []struct {
		name string
		// events come in time, or late, when all of them have been evaluated.
		events, late []dora.Event
		want         []report.Difference
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
			want:   []report.Difference{{Row: "Platform", Series: "dora_change_lead_time_seconds_sum", Events: 240 * 60, Metrics: 250 * 60}},
		},
		{
			// The incident was the cause until the earlier status came. No success has followed to repair it, so that the 80 minutes from
			// the success to the resolution are no recovery.
			name:   "earlier evidence",
			events: []dora.Event{ship(1, "V1", 10), incidentOf(30, 90, 1)},
			late:   []dora.Event{deployed(1, "V1", "failure", 15)},
			want: []report.Difference{
				{Row: "Platform", Series: `dora_change_failures_total{cause="incident"}`, Events: 0, Metrics: 1},
				{Row: "Platform", Series: `dora_change_failures_total{cause="status"}`, Events: 1, Metrics: 0},
				{Row: "Platform", Series: "dora_failed_deployment_recovery_seconds_count", Events: 0, Metrics: 1},
				{Row: "Platform", Series: "dora_failed_deployment_recovery_seconds_sum", Events: 0, Metrics: 80 * 60},
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
			w, store := newRepository("V1", "V2", "V3"), openStore(t)
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
