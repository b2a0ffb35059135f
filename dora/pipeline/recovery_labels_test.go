package pipeline_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

// A recovery has the labels of its incident at the first resolution: an edit afterwards changes none, whether the incident has been
// evaluated by then or not.
func TestLabelsOfRecoveries(t *testing.T) {
	const open, finished = 0, 4
	created := issueAt("created", 0, open, undated)
	resolved := func(change ...func(*dora.IncidentChange)) dora.Event {
		return issueAt("updated", 60, finished, append(change, from(open), dated(60))...)
	}
	edited := func(status int, change ...func(*dora.IncidentChange)) dora.Event {
		return issueAt("updated", 90, status, change...)
	}
	low := func(c *dora.IncidentChange) { c.Priority = "Low" }
	moved := func(c *dora.IncidentChange) { c.Project, c.Key, c.Moved = "OPS", "OPS-3", true }
	ofTeam := func(c *dora.IncidentChange) { c.Teams = []string{"B"} }
	unnamed := func(c *dora.IncidentChange) { c.Priority = "" }
	for name, test := range map[string]struct {
		events []dora.Event
		want   string
		// isTold is true if only an event after the resolution tells a label.
		isTold bool
	}{
		"another priority":             {events: []dora.Event{created, resolved(), edited(finished, dated(60), low)}, want: `priority="High",project="INC",team="A"`},
		"another priority, reopened":   {events: []dora.Event{created, resolved(), edited(open, undated, low)}, want: `priority="High",project="INC",team="A"`},
		"another project":              {events: []dora.Event{created, resolved(), edited(finished, dated(60), moved)}, want: `priority="High",project="INC",team="A"`},
		"another team":                 {events: []dora.Event{created, resolved(), edited(finished, dated(60), ofTeam)}, want: `priority="High",project="INC",team="A"`},
		"another priority before it":   {events: []dora.Event{created, resolved(low), edited(finished, dated(60))}, want: `priority="Low",project="INC",team="A"`},
		"a resolution of two":          {events: []dora.Event{created, resolved(), edited(open, undated, low), issueAt("updated", 120, finished, from(open), dated(120), low)}, want: `priority="High",project="INC",team="A"`},
		"the priority is told before":  {events: []dora.Event{created, resolved(unnamed)}, want: `priority="High",project="INC",team="A"`},
		"the priority is told later":   {events: []dora.Event{resolved(unnamed), edited(finished, dated(60))}, want: `priority="High",project="INC",team="A"`, isTold: true},
		"and changed after that":       {events: []dora.Event{resolved(unnamed), edited(finished, dated(60)), issueAt("updated", 120, finished, dated(60), low)}, want: `priority="High",project="INC",team="A"`, isTold: true},
		"deleted before it is settled": {events: []dora.Event{created, resolved(), issueAt("deleted", 90, finished, dated(60), low)}, want: `priority="High",project="INC",team="A"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, order := range someOrders(len(test.events), 4) {
					recoveryHasLabels(t, test.want, func(x *exporter) {
						for _, n := range order {
							x.arrive(test.events[n])
							x.run(time.Second)
						}
						x.settle()
					})
				}
				if test.isTold {
					return
				}
				recoveryHasLabels(t, test.want, func(x *exporter) {
					for _, e := range test.events {
						x.arrive(e)
						x.settle()
					}
				})
			})
		})
	}
}

func recoveryHasLabels(t *testing.T, labels string, events func(*exporter)) {
	t.Helper()
	_, x := newEmptyHistory(t)
	events(x)
	got, want := ofFamily(x.facts(), dora.IncidentRecovery), []string{dora.IncidentRecovery + "{" + labels + "} 3600000"}
	if !slices.Equal(got, want) {
		t.Errorf("recoveries are %q, want %q", got, want)
	}
}
