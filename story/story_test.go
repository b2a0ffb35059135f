package story

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The story of a change: written from nine, merged by pull request 12, deployed at noon; and of an incident of 90 minutes.
func TestStory(t *testing.T) {
	t.Parallel()
	api := newGitHubAPI(t)
	day := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	api.addCommit("web", "c1", commit{message: "second thought", date: day.Add(10 * time.Hour), pull: 12})
	api.addCommit("web", "c2", commit{message: "first thought", date: day.Add(9 * time.Hour), pull: 12})
	api.addCommit("web", "a1b2c3", commit{message: "Merge pull request #12 from acme/x", date: day.Add(11 * time.Hour), pull: 12})
	api.addPull("web", pull{number: 12, merged: day.Add(11 * time.Hour), mergeSHA: "a1b2c3", shas: []string{"c1", "c2"}})

	e := newExporter(t, api.server.URL)
	e.start("-log", "debug")
	defer e.watch()()

	production := deployed{id: 7, repo: "web", env: "production", sha: "a1b2c3", ref: "main"}
	incident := func(event, fields string) webhook {
		return jira(fmt.Sprintf(`{"timestamp":%d,"webhookEvent":"jira:issue_%s","issue":{"id":"10001","key":"INC-1",
			"self":"https://jira.example.com/rest/api/2/issue/10001","fields":{"project":{"key":"INC"},
			"created":"2026-01-10T12:30:00.000+0000",%s}},"changelog":{"id":%q}}`, day.UnixMilli(), event, fields, event))
	}
	events := []webhook{
		production.created(),
		production.status(70, "in_progress", day.Add(12*time.Hour)),
		production.status(71, "success", day.Add(12*time.Hour+5*time.Minute)),
		incident("created", `"resolutiondate":null,"status":{"statusCategory":{"key":"new"}}`),
		incident("updated", `"resolutiondate":"2026-01-10T15:00:00.000+0100","status":{"statusCategory":{"key":"done"}}`),
	}
	for _, w := range events {
		e.mustPost(w)
	}

	// From nine to noon are 10800 s, to five past 11100; from half past twelve to 15:00 at +01:00, which is 14:00, 5400.
	want := `# HELP github_deployments_duration The last deployments duration
# TYPE github_deployments_duration gauge
github_deployments_duration{environment="production",repo="web",status="in_progress",team="Platform"} 10800
github_deployments_duration{environment="production",repo="web",status="success",team="Platform"} 11100
# HELP github_deployments_duration_sum The last deployments duration sum
# TYPE github_deployments_duration_sum gauge
github_deployments_duration_sum{environment="production",repo="web",status="error",team="Platform"} 0
github_deployments_duration_sum{environment="production",repo="web",status="failure",team="Platform"} 0
github_deployments_duration_sum{environment="production",repo="web",status="in_progress",team="Platform"} 10800
github_deployments_duration_sum{environment="production",repo="web",status="success",team="Platform"} 11100
# HELP github_deployments_total The amount of successful deployments.
# TYPE github_deployments_total counter
github_deployments_total{environment="production",repo="web",status="error",team="Platform"} 0
github_deployments_total{environment="production",repo="web",status="failure",team="Platform"} 0
github_deployments_total{environment="production",repo="web",status="in_progress",team="Platform"} 1
github_deployments_total{environment="production",repo="web",status="success",team="Platform"} 1
# HELP jira_incidents The amount of incidents.
# TYPE jira_incidents counter
jira_incidents{project="INC",team="Platform"} 1
# HELP jira_incidents_duration_sum The incidents duration sum
# TYPE jira_incidents_duration_sum gauge
jira_incidents_duration_sum{project="INC",team="Platform"} 5400
`
	same := func(when string) {
		t.Helper()
		e.eventually("/metrics is right "+when, func() error {
			_, text := e.get("/metrics")
			if diff := cmp.Diff(want, documented(text)); diff != "" {
				return fmt.Errorf("-want +got:\n%s", diff)
			}
			return nil
		})
	}
	same("at first")
	if calls := api.called(); calls != 2 {
		t.Errorf("%d calls to the GitHub API for one commit, want 2", calls)
	}
	for _, line := range []string{
		"level=info endpoint=github environment=production repository=web status=in_progress team=Platform sha=a1b2c3\n",
		"level=info endpoint=github environment=production repository=web status=success team=Platform sha=a1b2c3\n",
		"level=debug component=github_api call=" + api.server.URL + "/repos/acme/web/commits/a1b2c3/pulls\n",
		"level=debug pull_request_reference=found PR=12\n",
		"level=debug repo=web sha=a1b2c3 PR=12 date=pr_first_commit\n",
		"level=debug repo=web sha=a1b2c3 commit_duration=3h5m0s\n",
		"level=debug counter=deployments_count action=inc\n",
	} {
		e.eventually("the log has a line", func() error { // it is written after the commit that a scrape shows
			if !strings.Contains(e.log.String(), line) {
				return fmt.Errorf("the log has no line %s", line)
			}
			return nil
		})
	}

	e.terminate()
	e.start()
	same("after SIGTERM and a start")
	e.kill()
	e.start()
	same("after kill -9 and a start")
	for _, w := range events {
		e.mustPost(w.with("X-GitHub-Delivery", "another guid"))
	}
	e.mustPost(production.status(72, "inactive", day.Add(13*time.Hour))) // one more, so that what comes before it is processed
	e.eventually("the last event is counted", func() error {
		n, err := e.scrape()
		if err == nil && n[deploymentSeries("github_deployments_total", "production", "web", "inactive", "Platform")] != 1 {
			err = fmt.Errorf("it is not in %v", n)
		}
		return err
	})
	n, err := e.scrape()
	if err != nil {
		t.Fatal(err)
	}
	for series, value := range map[string]float64{
		deploymentSeries("github_deployments_total", "production", "web", "success", "Platform"):        1,
		deploymentSeries("github_deployments_duration_sum", "production", "web", "success", "Platform"): 11100,
		`jira_incidents{project="INC",team="Platform"}`:                                                 1,
		`jira_incidents_duration_sum{project="INC",team="Platform"}`:                                    5400,
	} {
		if n[series] != value {
			t.Errorf("after a redelivery of everything: %s is %v, want %v", series, n[series], value)
		}
	}
}

// documented keeps the lines about the documented families.
func documented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE ")
		if strings.HasPrefix(name, "github_") || strings.HasPrefix(name, "jira_") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// The page shows the duplicates of a delivery.
func TestPageShowsDuplicates(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	hook := deployed{id: 1, repo: "web", env: "production"}.status(7, "queued", newYear)
	e.mustPost(hook)
	for _, want := range []string{"received again once, last at 2", "received again twice, last at 2"} {
		e.mustPost(hook)
		e.eventually("the page has it", func() error {
			if _, body := e.get("/"); strings.Count(body, want) != 1 {
				return fmt.Errorf("not once %q in %s", want, body)
			}
			return nil
		})
	}
}
