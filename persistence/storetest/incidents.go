package storetest

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// What is remembered of an issue is found by its key, exactly as it was saved last; its events, of which there may be many, only in a Tx.
func incidentRules() rules {
	return rules{"content": incidentsKeepTheirContent, "keys": incidentsByKey}
}

func saveIncidents(t *testing.T, s Store, all ...dora.Incident) {
	t.Helper()
	for _, i := range all {
		update(t, s, func(tx dora.Tx) error { return tx.Incidents().Save(i) })
	}
}

func incidentsKeepTheirContent(t *testing.T, s Store) {
	event := dora.IncidentEvent{
		IncidentChange: dora.IncidentChange{
			Event: "jira:issue_updated", Key: "INC-7", Project: "INC", Changelog: "8", IssueLabels: []string{"é"}, Teams: []string{"a"}, Timestamp: minute(3),
			Transition: &dora.Transition{From: "Open"}, ResolutionChanged: true, Cleared: []string{dora.FieldPriority},
		},
		At: minute(3), Arrival: 9, ProjectTeam: "b",
	}
	for name, want := range map[string]dora.Incident{
		"nothing":   {},
		"opened":    {Created: minute(1)},
		"year 1":    {Created: time.Date(1, 1, 1, 0, 0, 0, 1e6, time.UTC), Resolved: minute(1)},
		"counted":   {Counted: []dora.Labels{{"project": "INC", "team": "a"}}, Created: minute(1), Resolved: minute(61), CountedMillis: 3_600_000, SumFacts: 1},
		"no labels": {Counted: []dora.Labels{{}}},
		"all": {
			Name: "INC-7", IsIncident: true, Old: true, IsResolved: true, Project: "INC", Priority: "High", Teams: []string{"a", "b"},
			Events: []dora.IncidentEvent{event, {}}, Open: []dora.Labels{{"team": "a"}, {"team": "b"}}, OpenFacts: 3, Late: true, FirstResolved: minute(4), References: []dora.Reference{{Commit: beginning}, {Owner: "acme", Repository: "web", PullRequest: 7}},
		},
	} {
		want.Key = "host/" + name
		update(t, s, func(tx dora.Tx) error {
			got, err := tx.Incidents().Get(want.Key)
			same(t, name+" before it is saved", dora.Incident{}, got)
			return err
		})
		saveIncidents(t, s, dora.Incident{Key: want.Key, Name: "OLD-1", Late: true}, want)
		update(t, s, func(tx dora.Tx) error {
			got, err := tx.Incidents().Get(want.Key)
			same(t, name, want, got)
			return err
		})
		want.Events = nil // which people are not shown
		got, known, err := s.Incident(t.Context(), want.Key)
		if err != nil || !known {
			t.Errorf("%s: Incident = %t, %v", name, known, err)
		}
		same(t, name+" for people", want, got)
	}
}

func incidentsByKey(t *testing.T, s Store) {
	for i, name := range oddNames() {
		saveIncidents(t, s, dora.Incident{Key: "h/" + name, OpenFacts: i + 1})
	}
	for i, name := range oddNames() {
		got, known, err := s.Incident(t.Context(), "h/"+name)
		if err != nil || !known || got.OpenFacts != i+1 {
			t.Errorf("Incident(%q) = %+v, %t, %v; want the one of this key", name, got, known, err)
		}
	}
	for _, key := range []string{"", "h/", "H/a", "h/aa"} {
		if got, known, err := s.Incident(t.Context(), key); known || err != nil {
			t.Errorf("Incident(%q) = %+v, %v; want none", key, got, err)
		}
	}
}
