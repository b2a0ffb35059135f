package explain_test

import (
	"strings"
	"testing"

	"dora-exporter/dora"
	"dora-exporter/story/shop"
)

// Two servers may have a deployment of the same name.
func TestExplainTwoServers(t *testing.T) {
	s := shop.New(t)
	other := shop.Status(1, "production", "V1", "success", 20)
	other.Status.Deployment.Host = "ghe.example.com"
	s.Deliver(shop.Status(1, "production", "V1", "success", 15), other)
	s.Process()
	text, err := run(t, s, "deployment", "acme/web#1")
	for _, want := range []string{"2 deployments have that name", "acme/web#1 on api.github.com\n", "acme/web#1 on ghe.example.com\n"} {
		if err != nil || !strings.Contains(text, want) {
			t.Errorf("%v, want %q in\n%s", err, want, text)
		}
	}
}

// Events that are not counted have an explanation, too.
func TestExplainUncounted(t *testing.T) {
	s := shop.New(t)
	task := shop.Incident("created", 46, 0)
	task.Incident.Type = "Task"
	s.Deliver(task)
	s.Process()
	other := shop.Incident("created", 50, 0)
	other.Incident.ID, other.Incident.Key = "10043", "INC-8"
	s.Deliver(other, shop.Status(1, "production", "V1", "success", 15))
	for about, want := range map[string]string{
		"incident INC-7":             "the issue: none of its events matches all of jira.incidents",
		"incident INC-8":             "delivery 2 (jira/acme.atlassian.net/10043/jira:issue_created/1772445000000) is to be processed",
		"deployment acme/web#1":      "delivery 3 (github/api.github.com/deployment_status/115) is to be processed",
		"metric dora_incidents_open": "nothing has been counted in dora_incidents_open yet",
	} {
		text, err := run(t, s, strings.Fields(about)...)
		if err != nil {
			text += err.Error()
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s: want %q in\n%s", about, want, text)
		}
	}
	for _, delivery := range []int64{2, 3} {
		err := s.Store.Update(t.Context(), func(tx dora.Tx) error { return tx.Deliveries().SetAside(delivery, 5, "it is odd") })
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := run(t, s, "deployment", "acme/web#1")
	if want := "dora-exporter deliveries retry 3; failed 5 times; it is odd"; err != nil || !strings.Contains(text, want) {
		t.Errorf("%v: want %q in\n%s", err, want, text)
	}
}

// An incident that is not measured has the reason, and so has one that is older than the store.
func TestExplainUnmeasuredIncident(t *testing.T) {
	s := shop.New(t)
	s.Rules.StoreCreated = shop.Minute(100)
	missed, old := shop.Incident("updated", 200, 0), shop.Incident("updated", 200, 90)
	missed.Incident.StatusCategory = "done"
	old.Incident.ID, old.Incident.Key = "10043", "INC-8"
	s.Deliver(missed, old)
	s.Process()
	for about, want := range map[string]string{
		"INC-7": "its recovery: no event says when it was resolved",
		"INC-8": "the issue: it was resolved before this exporter was installed",
	} {
		text, err := run(t, s, "incident", about)
		if err != nil || !strings.Contains(text, want) {
			t.Errorf("%s: %v, want %q in\n%s", about, err, want, text)
		}
	}
}

// Names from outside can't control a terminal.
func TestExplainEscapes(t *testing.T) {
	s := shop.New(t)
	e := shop.Status(1, "prod\x1b[2J\nuction", "V1\r", "success", 15)
	s.GitHub.Line = []string{"V1\r"}
	s.GitHub.Changes["V1\r"] = dora.Change{Origin: dora.Origin{Author: "eve\x07", FirstCommit: shop.Monday}}
	s.Deliver(e)
	s.Process()
	for _, args := range [][]string{{"deployment", "acme/web#1"}, {"metric", "dora_deployments_total"}} {
		text, err := run(t, s, args...)
		if err != nil || strings.ContainsAny(text, "\x1b\r\x07") || !strings.Contains(text, `\x1b[2J`) {
			t.Errorf("%q: %v\n%s", args, err, text)
		}
	}
}
