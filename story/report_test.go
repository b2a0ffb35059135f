package story

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"dora-exporter/persistence/teststore"
)

// A report is made beside the running server, of what it has taken in, and has nothing to say against /metrics.
func TestReportBesideTheServer(t *testing.T) {
	t.Parallel() // it waits most of the time
	api := newGitHubAPI(t)
	done := time.Now().Add(-time.Hour).Truncate(time.Second)
	api.addCommit("web", "c0ffee", commit{message: "change", date: done.Add(-30 * time.Minute)})
	e := newExporter(t, api.server.URL)
	e.write("config.yml", e.read("config.yml")+"deployments:\n  settle: 1s\n")
	e.start()
	d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
	e.mustPost(d.status(1, "success", done))
	e.eventually("the change is counted", func() error {
		return e.hasMetric(`dora_changes_total{environment="production",owner="acme",repo="web",team="Platform"} 1`)
	})
	status, out, errOut := e.runOnce("report", "-since", "7d", "-by", "repo", "-o", "json")
	var r struct {
		Rows []struct {
			Name      string
			Frequency struct{ Observations int } `json:"deployment_frequency"`
			LeadTime  struct {
				Median float64 `json:"median_seconds"`
			} `json:"lead_time_for_changes"`
		}
		Differences []any
		Unsettled   int
	}
	if err := json.Unmarshal([]byte(out), &r); status != 0 || err != nil {
		t.Fatalf("status %d, %v, %s%s", status, err, out, errOut)
	}
	if len(r.Rows) != 1 || r.Rows[0].Name != "acme/web" || r.Rows[0].Frequency.Observations != 1 || r.Rows[0].LeadTime.Median != 1800 {
		t.Errorf("%+v", r.Rows)
	}
	if len(r.Differences) > 0 {
		t.Errorf("it differs from /metrics: %v", r.Differences)
	}
}

// The commands work where the secrets of the server can't be read.
func TestCommandsReadNoSecrets(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	e.mustPost(deployed{id: 1, repo: "web", env: "production"}.status(7, "queued", newYear))
	e.write("secret.yml", e.read("config.yml")+`
otlp: {enabled: true, endpoint: "https://collector.example.com", headers_file: /nowhere/headers, certificate: /nowhere/ca.pem}
catalog: {mode: backstage, endpoint: "https://backstage.example.com", token_file: /nowhere/token}
`)
	if status, _, errOut := e.runOnce("-config.file", "secret.yml"); status != 1 || !strings.Contains(errOut, "catalog.token_file") {
		t.Fatalf("the server: status %d, %s", status, errOut)
	}
	commands := []string{
		"report", "report -o json", "explain deployment acme/web#1", "explain metric github_deployments_total", "deliveries list", "deliveries retry",
		"-healthcheck",
	}
	if !teststore.InPostgres() { // which is backed up by itself
		commands = append(commands, "backup copy.db")
	}
	for _, command := range commands {
		if status, _, errOut := e.runOnce(append([]string{"-config.file", "secret.yml"}, strings.Fields(command)...)...); status != 0 {
			t.Errorf("%s: status %d, %s", command, status, errOut)
		}
	}
}
