package shop

import (
	"testing"

	"dora-exporter/dora"
)

// Status returns a status of a deployment of acme/web, at a minute.
func Status(id int64, environment, sha, state string, at int) dora.Event {
	return dora.Event{Status: &dora.Status{
		ID: id*100 + int64(at%100), State: state, CreatedAt: Minute(at), Deployment: dora.Deployment{
			Host: "api.github.com", ID: id, Owner: "acme", Repository: "web", Environment: environment, SHA: sha, CreatedAt: Minute(at - at%10 - 10),
		},
	}}
}

// Incident returns an event of INC-7, which names deployment 2 and was created at minute 45. It is resolved at a minute, or open
// if that is 0.
func Incident(event string, at, resolved int) dora.Event {
	c := &dora.IncidentChange{
		Event: "jira:issue_" + event, Host: "acme.atlassian.net", ID: "10042", Key: "INC-7", Project: "INC", Type: "Incident", Priority: "High",
		References: []dora.Reference{{Owner: "acme", Repository: "web", Deployment: 2}, {Owner: "acme", Repository: "web", PullRequest: 77}},
		StatusName: "Open", Timestamp: Minute(at), Created: Minute(45),
	}
	if resolved > 0 {
		c.ResolutionDate, c.StatusName, c.StatusCategory = Minute(resolved), "Done", "done"
	}
	return dora.Event{Incident: c}
}

// imported are the values of a file of another program.
func imported() dora.State {
	state := dora.State{}
	add := func(family string, value float64, labels dora.Labels) {
		if state[family] == nil {
			state[family] = map[string]dora.Series{}
		}
		state[family][labels.Key()] = dora.Series{Labels: labels, Baseline: value}
	}
	add(dora.DeploymentsTotal, 40, dora.Labels{"environment": "production", "repo": "web", "status": "success", "team": "Platform"})
	add(dora.DeploymentsTotal, 7, dora.Labels{"environment": "production", "repo": "old", "status": "success", "team": "Platform"})
	add(dora.IncidentsDurationSum, 1234.5, dora.Labels{"project": "INC", "team": "Platform"})
	return state
}

// Day returns a shop with one of everything that an explanation describes: deployment 1 is the first, 2 failed by an incident,
// 3 was rolled back by 4, 5 failed by its status and was repaired by 6, 7 is running, 8 and 11 are in staging, 9 waits for
// GitHub, 10 came late.
func Day(t testing.TB) *Shop {
	s := New(t)
	s.GitHub.Line = []string{"V1", "V2", "V3", "V4", "V5", "V6", "V7", "V9"}
	s.GitHub.Changes["V2"] = dora.Change{Origin: dora.Origin{
		PullRequest: 2, FirstCommit: Minute(-1500), Opened: Minute(-300), Merged: Minute(20), Author: "ann",
	}}
	s.GitHub.Changes["V3"] = dora.Change{Origin: dora.Origin{
		PullRequest: 3, FirstCommit: Minute(-20), Opened: Minute(-10), Merged: Minute(20), Author: "dependabot[bot]",
	}}
	s.GitHub.Changes["V5"] = dora.Change{Origin: dora.Origin{PullRequest: 5, FirstCommit: Minute(20), Opened: Minute(10), Author: "bob"}}
	s.GitHub.Changes["V4"] = dora.Change{Origin: dora.Origin{Unavailable: dora.ReasonNoDate}}
	err := s.Store.AddBaseline(t.Context(), dora.Baseline{Hash: "1", Source: "/data/old.prom", Values: imported(), Taken: Minute(-600)})
	if err != nil {
		t.Fatal(err)
	}
	first, rollback := Status(1, "production", "V1", "success", 15), Status(4, "production", "V2", "success", 75)
	rollback.Status.Deployment.CreatedAt = Minute(65)
	for _, e := range []dora.Event{
		{Deployment: &first.Status.Deployment},
		Status(1, "production", "V1", "in_progress", 12), first, Status(2, "production", "V2", "success", 30),
		Incident("created", 46, 0), Status(3, "production", "V4", "success", 60), rollback,
		Incident("updated", 95, 90), Status(5, "production", "V5", "success", 100), Status(5, "production", "V5", "failure", 110),
		Status(6, "production", "V6", "success", 140), Status(8, "staging", "V6", "success", 150), Status(11, "staging", "V6", "failure", 155),
	} {
		s.Deliver(e)
		s.Process() // one by one, so that what is late does not depend on which is evaluated first
	}
	s.Deliver(Status(10, "production", "V1", "success", 10)) // late: those after it have been evaluated
	s.Process()
	s.Deliver(Status(7, "production", "V7", "in_progress", 160))
	s.Process()
	s.GitHub.Down["V9"] = true
	s.Deliver(Status(9, "production", "V9", "success", 170))
	s.Process()
	s.Deliver(Status(9, "production", "V9", "inactive", 180)) // pending
	return s
}
