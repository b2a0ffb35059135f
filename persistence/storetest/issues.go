package storetest

import (
	"fmt"
	"testing"

	"dora-exporter/dora"
)

// People name issues as they see them, such as INC-7; a name can change, and two servers can have the same one.
func issueRules() rules {
	return rules{"named": issuesByName, "called": issuesByFormerName, "beginning": namesByBeginning, "deliveries": deliveriesOfAnIssue}
}

// keysOf are the keys of incidents.
func keysOf(all []dora.Incident) []string {
	var keys []string
	for _, i := range all {
		keys = append(keys, i.Key)
	}
	return keys
}

func issuesByName(t *testing.T, s Store) {
	saveIncidents(t, s, dora.Incident{Key: "b/1", Name: "INC-7"}, dora.Incident{Key: "a/1", Name: "INC-7"}, dora.Incident{Key: "a/2", Name: "INC-77"}, dora.Incident{Key: "a/3", Name: "inc-7"})
	same(t, "IncidentsNamed", []string{"a/1", "b/1"}, keysOf(must[[]dora.Incident](t)(s.IncidentsNamed(t.Context(), "INC-7"))))
	saveIncidents(t, s, dora.Incident{Key: "a/1", Name: "OPS-1"}) // moved to another project
	same(t, "after one has another name", []string{"b/1"}, keysOf(must[[]dora.Incident](t)(s.IncidentsNamed(t.Context(), "INC-7"))))
	for _, name := range []string{"INC-", "INC-%", "INC-_", "", "Inc-7"} {
		same(t, "IncidentsNamed "+name, 0, len(must[[]dora.Incident](t)(s.IncidentsNamed(t.Context(), name))))
	}
}

// acceptIssue stores a delivery about an issue, with the key that receivers give it.
func acceptIssue(t *testing.T, s Store, host, id, name string, n int) {
	t.Helper()
	d := dora.Delivery{
		Source: dora.Jira, Key: fmt.Sprintf("jira/%s/%s/updated/%d", host, id, n), Received: minute(n),
		Event: dora.Event{Incident: &dora.IncidentChange{Event: "jira:issue_updated", Host: host, ID: id, Key: name, Project: "X"}},
	}
	if duplicate, err := s.Accept(t.Context(), d); duplicate || err != nil {
		t.Fatalf("Accept(%q) = %t, %v", d.Key, duplicate, err)
	}
}

// A delivery keeps the name that an issue had when it was sent.
func issuesByFormerName(t *testing.T, s Store) {
	for i, name := range oddNames() {
		acceptIssue(t, s, "h", fmt.Sprint(100+i), name, 0)
	}
	acceptIssue(t, s, "h", "1", "INC-7", 1)
	acceptIssue(t, s, "h", "1", "INC-7", 2)
	acceptIssue(t, s, "h", "1", "OPS-1", 3)
	acceptIssue(t, s, "g", "2", "INC-7", 4)
	acceptIssue(t, s, "h", "3", "INC-77", 5)
	for i, name := range oddNames() {
		same(t, "IncidentsCalled "+name, []string{fmt.Sprintf("h/%d", 100+i)}, must[[]string](t)(s.IncidentsCalled(t.Context(), name)))
	}
	same(t, "IncidentsCalled", []string{"h/1", "g/2"}, must[[]string](t)(s.IncidentsCalled(t.Context(), "INC-7")))
	for _, name := range []string{"INC-", "INC-%", "", "X", "inc-7"} { // X is the project
		same(t, "IncidentsCalled "+name, 0, len(must[[]string](t)(s.IncidentsCalled(t.Context(), name))))
	}
}

// The longest names come first, and of these the last by bytes: so numbers come in their order.
func namesByBeginning(t *testing.T, s Store) {
	for i, name := range []string{"INC-9", "INC-10", "INC-100", "INC-99", "INC-10", "inc-5", "INCA-1", "IN%-1", "INC_1", "ÄÖ-1", "ÄÖ-22", "AÖ-3"} {
		saveIncidents(t, s, dora.Incident{Key: fmt.Sprintf("h/%d", i), Name: name})
	}
	for begins, want := range map[string][]string{
		"INC-": {"INC-100", "INC-99", "INC-10", "INC-9"}, "INC-1": {"INC-100", "INC-10"}, "ÄÖ-": {"ÄÖ-22", "ÄÖ-1"}, "Ä": {"ÄÖ-22", "ÄÖ-1"}, "IN%": {"IN%-1"}, "INC_": {"INC_1"}, "X": nil,
	} {
		same(t, "IncidentNames "+begins, want, must[[]string](t)(s.IncidentNames(t.Context(), begins, 9)))
	}
	same(t, "at most two", []string{"INC-100", "INC-99"}, must[[]string](t)(s.IncidentNames(t.Context(), "INC-", 2)))
}

// The deliveries about an issue are those whose keys begin with jira/, its key and a slash.
func deliveriesOfAnIssue(t *testing.T, s Store) {
	acceptIssue(t, s, "h/base", "1", "A-1", 3)
	acceptIssue(t, s, "h/base", "1", "A-1", 1)
	for i, id := range []string{"11", "1 ", "1.", "10", "1\x00", "%", "_", "1é"} {
		acceptIssue(t, s, "h/base", id, "A-2", i)
	}
	acceptIssue(t, s, "H/base", "1", "A-3", 1)
	acceptIssue(t, s, "h/base/1", "7", "A-4", 1) // a server whose path looks like the issue's key
	var got []string
	for _, d := range must[[]dora.StoredDelivery](t)(s.DeliveriesOfIncident(t.Context(), "h/base/1")) {
		got = append(got, d.Key)
	}
	same(t, "DeliveriesOfIncident", []string{"jira/h/base/1/updated/3", "jira/h/base/1/updated/1"}, got)
	same(t, "of a beginning", 0, len(must[[]dora.StoredDelivery](t)(s.DeliveriesOfIncident(t.Context(), "h"))))
}
