package pipeline_test

import (
	"fmt"
	"testing"
	"time"

	"dora-exporter/dora"
)

// incident makes an event of INC-1, which was created at nine.
func incident(name string, at time.Duration, change func(*dora.IncidentChange)) dora.Event {
	c := dora.IncidentChange{
		Event: name, Host: "jira.example.com", ID: "10001", Key: "INC-1", Project: "INC",
		Created: morning, Timestamp: morning.Add(at), StatusCategory: "new",
	}
	if change != nil {
		change(&c)
	}
	return dora.Event{Incident: &c}
}

func resolvedAt(after time.Duration) func(*dora.IncidentChange) {
	return func(c *dora.IncidentChange) {
		c.StatusCategory, c.ResolutionDate = "done", morning.Add(after)
	}
}

func TestResolvedIncident(t *testing.T) {
	const (
		created = "jira:issue_created"
		updated = "jira:issue_updated"
		deleted = "jira:issue_deleted"
		count   = `jira_incidents{project="INC",team="Platform"} 1`
		sum     = `jira_incidents_duration_sum{project="INC",team="Platform"} `
	)
	done := func(c *dora.IncidentChange) { c.StatusCategory = "done" }
	for name, test := range map[string]struct {
		events []dora.Event
		want   []string
	}{
		"open": {events: []dora.Event{incident(created, 0, nil)}},
		"resolved": {
			events: []dora.Event{incident(created, 0, nil), incident(updated, time.Hour, resolvedAt(time.Hour))},
			want:   []string{count, sum + "3600000"},
		},
		"resolved, commented": {
			events: []dora.Event{incident(updated, time.Hour, resolvedAt(time.Hour)), incident(updated, 5*time.Hour, resolvedAt(time.Hour))},
			want:   []string{count, sum + "3600000"},
		},
		"only the event that resolves was seen": {
			events: []dora.Event{incident(updated, time.Hour, resolvedAt(time.Hour))},
			want:   []string{count, sum + "3600000"},
		},
		"resolved again: the difference": {
			events: []dora.Event{
				incident(updated, time.Hour, resolvedAt(time.Hour)), incident(updated, 2*time.Hour, nil),
				incident(updated, 3*time.Hour, resolvedAt(3*time.Hour)),
			},
			want: []string{count, sum + "3600000", sum + "7200000"},
		},
		"done without a resolution date: the change of the category": {
			events: []dora.Event{incident(updated, time.Hour, func(c *dora.IncidentChange) {
				done(c)
				c.StatusCategoryChanged = morning.Add(30 * time.Minute)
			})},
			want: []string{count, sum + "1800000"},
		},
		"done without any date: the time of the event that changed the status, not of an edit": {
			events: []dora.Event{
				incident(updated, time.Hour, func(c *dora.IncidentChange) { done(c); c.Transition = &dora.Transition{From: "Open"} }),
				incident(updated, 9*time.Hour, done),
			},
			want: []string{count, sum + "3600000"},
		},
		"the closing was missed: counted without a duration": {
			events: []dora.Event{incident(created, 0, nil), incident(updated, 9*time.Hour, done)},
			want:   []string{count},
		},
		"no creation time: counted without a duration": {
			events: []dora.Event{incident(updated, time.Hour, func(c *dora.IncidentChange) {
				resolvedAt(time.Hour)(c)
				c.Created = time.Time{}
			})},
			want: []string{count},
		},
		"resolved before it was created: counted without a duration": {
			events: []dora.Event{incident(updated, time.Hour, resolvedAt(-time.Hour))},
			want:   []string{count},
		},
		"deleted": {
			events: []dora.Event{incident(created, 0, nil), incident(deleted, time.Hour, resolvedAt(time.Hour))},
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := openStore(t)
			accept(t, store, test.events...)
			process(t, store, platform{})
			wantFacts(t, store, "facts", test.want...)
		})
	}
}

// The sum follows from the set of events: 1 incident, resolved last after 5 hours.
func TestIncidentOrder(t *testing.T) {
	const updated = "jira:issue_updated"
	events := []dora.Event{
		incident("jira:issue_created", 0, nil),
		incident(updated, time.Hour, resolvedAt(time.Hour)),
		incident(updated, 2*time.Hour, nil),
		incident(updated, 3*time.Hour, resolvedAt(3*time.Hour)),
		incident(updated, 5*time.Hour, resolvedAt(5*time.Hour)),
	}
	store := openStore(t)
	for order := range permutations(len(events)) {
		var arriving []dora.Event
		for _, i := range order { // each order is an incident and a project of its own
			c := *events[i].Incident
			c.Project = fmt.Sprint(order)
			c.ID = c.Project
			arriving = append(arriving, dora.Event{Incident: &c})
		}
		accept(t, store, arriving...)
	}
	process(t, store, platform{})
	all, err := store.Facts(t.Context(), 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	state := dora.State{}
	if err := state.Add(dora.FamiliesByName(), all...); err != nil {
		t.Fatal(err)
	}
	for order := range permutations(len(events)) {
		labels := dora.Labels{"project": fmt.Sprint(order), "team": "Platform"}
		if got := state[dora.Incidents][labels.Key()].Own; got != 1 {
			t.Errorf("order %v: %d incidents, want 1", order, got)
		}
		if got := state[dora.IncidentsDurationSum][labels.Key()].Own; got != 5*3_600_000 {
			t.Errorf("order %v: sum of %d ms, want %d", order, got, 5*3_600_000)
		}
	}
}

// permutations yields every permutation of 0 … n-1.
func permutations(n int) func(yield func([]int) bool) {
	return func(yield func([]int) bool) {
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		var permute func(k int) bool
		permute = func(k int) bool {
			if k == n {
				return yield(order)
			}
			for i := k; i < n; i++ {
				order[k], order[i] = order[i], order[k]
				if !permute(k + 1) {
					return false
				}
				order[k], order[i] = order[i], order[k]
			}
			return true
		}
		permute(0)
	}
}
