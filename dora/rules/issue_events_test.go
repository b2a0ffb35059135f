package rules

import (
	"cmp"
	"testing"
	"time"

	"dora-exporter/dora"
)

// An issue with very many events keeps those that change something.
func TestManyEventsOfAnIssue(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 3, 2, 9, minute, 0, 0, time.UTC) }
	event := func(minute int, category string) dora.IncidentEvent {
		return dora.IncidentEvent{At: at(minute), IncidentChange: dora.IncidentChange{
			Event: "jira:issue_updated", Key: "INC-7", StatusName: category, StatusCategory: category, Timestamp: at(minute),
		}}
	}
	i := dora.Incident{}
	for n := range 3 * maxIssueEvents {
		category := "new"
		if n >= 700 {
			category = done
		}
		e := event(n, category)
		if n == 700 {
			e.Transition = &dora.Transition{From: "new"}
		}
		addEvent(&i, e)
	}
	if len(i.Events) != maxIssueEvents {
		t.Errorf("%d events, want %d", len(i.Events), maxIssueEvents)
	}
	s := Session{}
	s.summarize(&i)
	if !i.FirstResolved.Equal(at(700)) || !i.Events[0].At.Equal(at(0)) || !i.Events[maxIssueEvents-1].At.Equal(at(3*maxIssueEvents-1)) {
		t.Errorf("resolved %v, from %v", i.FirstResolved, i.Events[0].At)
	}
}

// Of two events at the same time, the later changelog is newer, whatever the order of arrival; else the later arrival.
func TestOrderOfEvents(t *testing.T) {
	of := func(event, changelog string, arrival int64) dora.IncidentEvent {
		return dora.IncidentEvent{IncidentChange: dora.IncidentChange{Event: event, Changelog: changelog}, Arrival: arrival}
	}
	const updated = "jira:issue_updated"
	sorted := []dora.IncidentEvent{
		of(dora.IssueCreated, "999", 9), of(updated, "", 1), of(updated, "", 8), of(updated, "9", 7), of(updated, "0010", 2), of(updated, "11", 3),
		of(dora.IssueDeleted, "", 0),
	}
	for n := range sorted {
		for m := range sorted {
			if got := compareEvents(sorted[n], sorted[m]); got != cmp.Compare(n, m) {
				t.Errorf("%d and %d: %d", n, m, got)
			}
		}
	}
}
