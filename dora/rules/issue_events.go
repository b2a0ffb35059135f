package rules

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// maxIssueEvents limits the events that are remembered of an issue.
const maxIssueEvents = 500

// addEvent adds an event to an incident in the order of the events' times. The same change counts once, at the earliest of its times.
func addEvent(i *dora.Incident, e dora.IncidentEvent) {
	for _, ref := range e.References {
		if !slices.Contains(i.References, ref) {
			i.References = append(i.References, ref)
		}
	}
	if e.Event == dora.CommentEvent {
		return
	}
	e.Host, e.ID, e.References = "", "", nil // the incident has them
	same := func(other dora.IncidentEvent) bool { return isSameChange(e, other) }
	if n := slices.IndexFunc(i.Events, same); n >= 0 {
		if !e.At.Before(i.Events[n].At) {
			return
		}
		i.Events = slices.Delete(i.Events, n, n+1)
	}
	at, _ := slices.BinarySearchFunc(i.Events, e, compareEvents)
	i.Events = slices.Insert(i.Events, at, e)
	if len(i.Events) > maxIssueEvents {
		dropEvent(i)
	}
}

// isSameChange reports whether two events of an issue are of the same change.
func isSameChange(a, b dora.IncidentEvent) bool {
	return a.Changelog != "" && a.Changelog == b.Changelog && a.Event == b.Event
}

// compareEvents orders the events of an issue: by their times, then by their changelogs, then by their arrival. Of the same time, the
// creation comes first and the deletion last, since neither needs to have a changelog.
func compareEvents(a, b dora.IncidentEvent) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(rank(a), rank(b)), compareNumbers(a.Changelog, b.Changelog), cmp.Compare(a.Arrival, b.Arrival))
}

func rank(e dora.IncidentEvent) int {
	switch e.Event {
	case dora.IssueCreated:
		return 0
	case dora.IssueDeleted:
		return 2
	}
	return 1
}

// compareNumbers compares texts of digits as numbers.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// dropEvent forgets an event that changes nothing, else the second one.
func dropEvent(i *dora.Incident) {
	drop := 1
	var before issueState
	before.apply(i.Events[0])
	for n := 1; n < len(i.Events)-1; n++ {
		after := before
		after.apply(i.Events[n])
		if e := i.Events[n]; e.Event != dora.IssueDeleted && !explainsDate(e) && reflect.DeepEqual(before, after) {
			drop = n
			break
		}
		before = after
	}
	i.Events = slices.Delete(i.Events, drop, drop+1)
}
