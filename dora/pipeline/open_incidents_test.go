package pipeline_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// An incident counts as opened once, and as open while its issue is open.
func TestOpenIncidents(t *testing.T) {
	const opened, open = "opened", "open"
	at := func(event string, minute int, change func(*dora.IncidentChange)) dora.Event {
		e := issue(event, minute, 1, 0)
		e.Incident.StatusCategory = "new"
		if change != nil {
			change(e.Incident)
		}
		return e
	}
	moved := func(c *dora.IncidentChange) { c.Project, c.Key = "OPS", "OPS-3" }
	low := func(c *dora.IncidentChange) { c.Priority = "Low" }
	labelled := func(c *dora.IncidentChange) { c.IssueLabels = []string{"Outage"} }
	done := func(c *dora.IncidentChange) { c.StatusCategory, c.ResolutionDate = "done", minute(5) }
	for name, test := range map[string]struct {
		filter dora.IncidentFilter
		events []dora.Event
		want   []string
	}{
		"opened":                 {events: []dora.Event{at("created", 1, nil)}, want: []string{opened + " High INC", open + " High INC"}},
		"opened twice":           {events: []dora.Event{at("created", 1, nil), at("created", 1, nil)}, want: []string{opened + " High INC", open + " High INC"}},
		"only an update is seen": {events: []dora.Event{at("updated", 3, low)}, want: []string{opened + " Low INC", open + " Low INC"}},
		"moved":                  {events: []dora.Event{at("created", 1, nil), at("updated", 3, moved)}, want: []string{opened + " High INC", open + " High OPS"}},
		"of another priority":    {events: []dora.Event{at("created", 1, nil), at("updated", 3, low)}, want: []string{opened + " High INC", open + " Low INC"}},
		"resolved":               {events: []dora.Event{at("created", 1, nil), at("updated", 5, done)}, want: []string{opened + " High INC"}},
		"reopened": {
			events: []dora.Event{at("created", 1, nil), at("updated", 5, done), at("updated", 6, nil)}, want: []string{opened + " High INC", open + " High INC"},
		},
		"deleted": {events: []dora.Event{at("created", 1, nil), at("deleted", 5, nil)}, want: []string{opened + " High INC"}},
		"deleted, and a body seems to be later": {
			events: []dora.Event{at("created", 1, nil), at("deleted", 5, nil), at("", 6, func(c *dora.IncidentChange) { c.Event = dora.IssueBody })},
			want:   []string{opened + " High INC"},
		},
		"no urgent": {filter: dora.IncidentFilter{Priorities: []string{"urgent"}}, events: []dora.Event{at("created", 1, nil)}},
		"upper and lower case": {
			filter: dora.IncidentFilter{Priorities: []string{"high"}}, events: []dora.Event{at("created", 1, nil)}, want: []string{opened + " High INC", open + " High INC"},
		},
		"one becomes an incident": {
			filter: dora.IncidentFilter{Labels: []string{"outage"}}, events: []dora.Event{at("created", 1, nil), at("updated", 3, labelled)},
			want: []string{opened + " High INC", open + " High INC"},
		},
		"and stays one": {
			filter: dora.IncidentFilter{Labels: []string{"outage"}}, events: []dora.Event{at("created", 1, labelled), at("updated", 3, low)},
			want: []string{opened + " High INC", open + " Low INC"},
		},
		"all lists have to match": {
			filter: dora.IncidentFilter{Labels: []string{"outage"}, Priorities: []string{"Low"}}, events: []dora.Event{at("created", 1, labelled)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, order := range someOrders(len(test.events), 3) {
					p, x := newEmptyHistory(t)
					p.policy.Incidents = test.filter
					for _, i := range order {
						x.arrive(test.events[i])
						x.run(time.Second)
					}
					x.settle()
					var got []string
					for _, l := range x.facts() {
						if !strings.Contains(l, "incident_recovery") {
							_, labels, _ := strings.Cut(strings.NewReplacer(`"`, "", "priority=", "", "project=", "", ",", " ").Replace(l), "{")
							word := open
							if strings.HasPrefix(l, dora.IncidentsOpened) {
								word = opened
							}
							labels, _, _ = strings.Cut(labels, " team")
							got = append(got, word+" "+labels)
						}
					}
					if diff := cmp.Diff(sorted(test.want), sorted(got)); diff != "" {
						t.Errorf("in the order %v: -want +got:\n%s", order, diff)
					}
				}
			})
		})
	}
}
