package rules

import (
	"slices"
	"time"

	"dora-exporter/dora"
)

// OpenChange is a moment at which an incident began or ceased to be open under some labels of dora_incidents_open.
type OpenChange struct {
	At     time.Time
	Labels dora.Labels
	// By is 1 or -1.
	By int64
}

// OpenChanges returns when an incident was open, from all of its events, in their order.
func OpenChanges(p dora.Policy, i dora.Incident) (changes []OpenChange) {
	if !i.IsCounted() {
		return nil
	}
	found := resolver{filter: p.Incidents, categories: newCategories(i.Events)}
	var open []dora.Labels
	var isDeleted bool
	for n, e := range i.Events {
		if e.Event == dora.IssueDeleted {
			isDeleted = true
		} else {
			found.add(e)
		}
		at := e.At
		if n == 0 && !i.Created.IsZero() && i.Created.Before(at) {
			at = i.Created
		}
		var now []dora.Labels
		if found.seen && !isDeleted && !found.resolved && found.matches() {
			now = issueLabels(found.state)
		}
		changes = append(changes, openChanges(at, open, now, -1)...)
		changes = append(changes, openChanges(at, now, open, 1)...)
		open = now
	}
	return changes
}

// openChanges returns a change for each of some labels that others lack.
func openChanges(at time.Time, labels, others []dora.Labels, by int64) (changes []OpenChange) {
	for _, l := range labels {
		if !slices.ContainsFunc(others, func(other dora.Labels) bool { return other.Key() == l.Key() }) {
			changes = append(changes, OpenChange{at, l, by})
		}
	}
	return changes
}
