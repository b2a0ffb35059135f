package integration

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"dora-exporter/internal/markdown"
)

// published are the queries of the newer revision of dashboard 20889, dashboards/dora-v2.json of mprokopov/dora-exporter, as
// "panel/target". The older revision has the same without redeployment="false". Its variables are filled in for the team Platform and the
// repository web; $env is production.
var published = map[string]string{
	"Mean time to recover/A": `increase(jira_incidents_duration_sum{team="$team"}[$__interval]) / increase(jira_incidents{team="$team"}[$__interval])`,
	"Mean time to recover/B": `sum(increase(jira_incidents_duration_sum{team="$team"}[$__interval])) / sum(increase(jira_incidents{team="$team"}[$__interval]))`,
	"Change failure rate/A": `sum(increase(jira_incidents{team="$team"}[$__interval]) or on() vector(0)) / ` +
		`sum(increase(github_deployments_total{team="$team",environment="production",status="success"}[$__interval]))`,
	"Deployment Frequency/A": `avg (changes(github_deployments_total{team="$team", environment="production",repo="$repository",status="success",redeployment="false"}[$__interval]))`,
	"Average Lead Time to Change/A": `increase(github_deployments_duration_sum{team="$team", environment="production",repo="$repository",status="success",redeployment="false"}[$__interval]) / ` +
		`increase(github_deployments_total{team="$team", environment="production",repo="$repository",status="success",redeployment="false"}[$__interval])`,
	"Number of Deployments/A": `changes(github_deployments_total{team="$team", environment="production",repo="$repository",status="success",redeployment="false"}[$__interval])`,
	"Average Lead Time for Change/A": `increase(github_deployments_duration_sum{team="$team", environment="$env", status="success",repo="$repository"}[$__interval]) / ` +
		`increase(github_deployments_total{team="$team", environment="$env", status="success",repo="$repository"}[$__interval])`,
	"Average Lead Time for Change/B": `sum(increase(github_deployments_duration_sum{team="$team", environment="$env", status="success"}[$__interval])) / ` +
		`sum(increase(github_deployments_total{team="$team",environment="$env", status="success"}[$__interval]))`,
	"Last Deployment Event/A":      `time() - max(timestamp(github_deployments_total{team="$team",environment="production"}) )`,
	"Total Deployments (period)/A": `sum(increase(github_deployments_total{team="$team",environment="production",status="success"}[$__range]))`,
	"Deployment Failure Rate/A": `increase(github_deployments_total{team="$team",environment="production",repo="$repository",status="failure"}[$__interval]) / ` +
		`(increase(github_deployments_total{team="$team",environment="production",repo="$repository",status="failure"}[$__interval]) + ` +
		`increase(github_deployments_total{team="$team",environment="production",repo="$repository",status="success"}[$__interval]))`,
	"$team":       `count by (team) ({__name__=~ "github_deployments_total|jira_incidents",environment="production"})`,
	"$repository": `count by (repo) (github_deployments_total{team="$team",environment="$env"})`,
}

// TestPublishedDashboard evaluates each query of both revisions over what a real Prometheus scraped: a first deployment, a second one of
// the same commit, a failure of that commit, each an hour after the commit, and an incident of half an hour.
func TestPublishedDashboard(t *testing.T) {
	t.Parallel()
	series := func(redeployment, family string) string {
		labels := "repo=web,status=success,team=Platform"
		if redeployment != "" {
			labels = "redeployment=" + redeployment + "," + labels
		}
		return "environment=production," + labels + family
	}
	plain, first, again := series("", ""), series("false", ""), series("true", "")
	// Panels that show the same in each case. The age of the newest sample is not the time since a deployment, whatever exports it, and
	// the failure rate adds series whose statuses differ, so that it is always empty.
	always := map[string]answer{
		"Mean time to recover/A": {"project=INC,team=Platform": 1800}, "Mean time to recover/B": one(1800), "Change failure rate/A": one(0.5),
		"Average Lead Time for Change/B": one(3600), "Total Deployments (period)/A": one(2), "Last Deployment Event/A": one(math.NaN()), "Deployment Failure Rate/A": {},
	}
	for name, test := range map[string]struct {
		configuration string
		relabelled    bool
		older         bool
		want          map[string]answer
	}{
		"newer revision, with the label": {configuration: "metrics: {redeployment_label: true}\n", want: map[string]answer{
			"Deployment Frequency/A": one(1), "Average Lead Time to Change/A": {first: 3600}, "Number of Deployments/A": {first: 1},
			"Average Lead Time for Change/A": {first: 3600, again: 3600}, "$team": {"team=Platform": 6}, "$repository": {"repo=web": 6},
		}},
		"newer revision, relabelled": {relabelled: true, want: map[string]answer{
			"Deployment Frequency/A": one(2), "Average Lead Time to Change/A": {first: 3600}, "Number of Deployments/A": {first: 2},
			"Average Lead Time for Change/A": {first: 3600}, "$team": {"team=Platform": 3}, "$repository": {"repo=web": 3},
		}},
		"newer revision, neither": {want: map[string]answer{
			"Deployment Frequency/A": {}, "Average Lead Time to Change/A": {}, "Number of Deployments/A": {},
			"Average Lead Time for Change/A": {plain: 3600}, "$team": {"team=Platform": 3}, "$repository": {"repo=web": 3},
		}},
		"older revision": {older: true, want: map[string]answer{
			"Deployment Frequency/A": one(2), "Average Lead Time to Change/A": {plain: 3600}, "Number of Deployments/A": {plain: 2},
			"Average Lead Time for Change/A": {plain: 3600}, "$team": {"team=Platform": 3}, "$repository": {"repo=web": 3},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := scrapedDeployments(t, test.configuration, test.relabelled)
			fill := strings.NewReplacer("$team", "Platform", "$repository", "web", "$env", "production", "$__interval", "10m", "$__range", "10m")
			now := time.Now()
			for panel, expr := range published {
				if test.older {
					expr = strings.ReplaceAll(expr, `,redeployment="false"`, "")
				}
				want, ok := test.want[panel]
				if !ok {
					want, ok = always[panel]
				}
				if !ok {
					t.Errorf("%s: nothing is expected of it", panel)
				}
				results, err := p.ask(fill.Replace(expr), now)
				if err != nil {
					t.Fatal(err)
				}
				got := answer{}
				for _, r := range results {
					got[r.own()] = r.Value.value
				}
				if !got.near(want, 0.4) { // increase extrapolates to now from a few samples, which a busy machine takes late
					t.Errorf("%s: %s\nanswers %v,\nwant    %v", panel, expr, got, want)
				}
			}
		})
	}
}

// scrapedDeployments returns a Prometheus that has scraped the deployments and the incident, each step by itself.
func scrapedDeployments(t *testing.T, configuration string, relabelled bool) prometheus {
	t.Helper()
	e := newExporter(t, github(t))
	e.configure(t, configuration)
	scrape := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: dora\n    static_configs: [{targets: [%q]}]\n", e.address)
	if relabelled {
		scrape += block(t, markdown.Read(t, "docs/grafana.md").Text, "    metric_relabel_configs:")
	}
	e.start(t)
	p := runPrometheus(t, scrape, t.TempDir())
	const issue = `"issue":{"id":"1","key":"INC-1","self":"https://jira.example.com/rest/api/2/issue/1","fields":{"issuetype":{"name":"Incident"},"project":{"key":"INC"},` +
		`"created":"2026-03-02T10:00:00.000+0000",`
	e.sendJira(t, `{"timestamp":1772445600000,"webhookEvent":"jira:issue_created",`+issue+`"status":{"name":"Open","statusCategory":{"key":"new"}}}},"changelog":{"id":"1"}}`)
	e.send(t, "deployment", deployment(1))
	p.wait(t, `sum(github_deployments_total{status="success"}) + on() sum(jira_incidents)`, 0)
	e.send(t, "deployment_status", status(1, 1, "success"))
	p.wait(t, `sum(github_deployments_duration_sum{status="success"})`, 3600)
	e.send(t, "deployment_status", status(2, 2, "success"))
	p.wait(t, `sum(github_deployments_duration_sum{status="success"})`, 7200)
	e.send(t, "deployment_status", status(3, 3, "failure"))
	e.sendJira(t, `{"timestamp":1772447400000,"webhookEvent":"jira:issue_updated",`+issue+
		`"resolutiondate":"2026-03-02T10:30:00.000+0000","status":{"name":"Done","statusCategory":{"key":"done"}}}},"changelog":{"id":"2","items":[{"field":"status"}]}}`)
	p.wait(t, `sum(github_deployments_total{status="failure"})`, 1)
	p.wait(t, `sum(jira_incidents_duration_sum)`, 1800)
	return p
}
