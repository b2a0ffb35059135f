package story

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An environment for each pull request, far more of them than metrics.max_series has room for: the number of series stays
// below it, and the team's totals stay exact, also over a restart.
func TestManyEnvironments(t *testing.T) {
	t.Parallel()
	environments, maxSeries := scaled(500, 3000), scaled(100, 600)
	api := newGitHubAPI(t)
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	api.addCommit("web", "c0ffee", commit{message: "change", date: first})
	e := newExporter(t, api.server.URL)
	e.write("config.yml", e.read("config.yml")+fmt.Sprintf(`metrics:
  max_series: %d
environments:
  rewrite:
    - {match: '^demo-', name: demo}
`, maxSeries))
	e.start()
	stop := e.watch()
	defer stop()
	var events []webhook
	seconds := 0
	for i := range environments {
		d := deployed{id: i + 1, repo: "web", env: fmt.Sprintf("pr-%d", i), sha: "c0ffee"}
		events = append(events, d.status(i+1, "success", first.Add(time.Duration(i)*time.Second)))
		seconds += i
	}
	for i := range 10 {
		d := deployed{id: environments + i + 1, repo: "web", env: fmt.Sprintf("demo-%d", i), sha: "c0ffee"}
		events = append([]webhook{d.status(environments+i+1, "success", first)}, events...)
	}
	e.mustPost(events[0]) // while there is room
	e.postAll(events)
	right := func() {
		t.Helper()
		e.eventually("the team's totals are exact", func() error {
			all, err := e.scrape()
			if err != nil {
				return err
			}
			count, sum := 0.0, 0.0
			for series, value := range all {
				if !strings.Contains(series, `team="Platform"`) {
					return fmt.Errorf("%s is of no team", series)
				}
				switch {
				case strings.HasPrefix(series, "github_deployments_total"):
					count += value
				case strings.HasPrefix(series, "github_deployments_duration_sum"):
					sum += value
				}
			}
			if len(all) > maxSeries+3 { // and those that the others share: count, duration and sum
				t.Fatalf("%d series, more than %d", len(all), maxSeries)
			}
			demo := all[deploymentSeries("github_deployments_total", "demo", "web", "success", "Platform")]
			if count != float64(environments+10) || sum != float64(seconds) || demo != 10 {
				return fmt.Errorf("%v deployments with %v s, %v of them to demo; want %d with %d, 10", count, sum, demo, environments+10, seconds)
			}
			return nil
		})
	}
	right()
	if n := strings.Count(e.log.String(), "raise metrics.max_series"); n != 2 {
		t.Errorf("%d lines about the limit in the log, want one for github_* and one for dora_*", n)
	}
	_, text := e.get("/metrics")
	if !strings.Contains(text, fmt.Sprintf("\ndora_exporter_series_limit %d\n", maxSeries)) || strings.Contains(text, `folded_total{families="github"} 0`) {
		t.Error("the program's own metrics don't tell of the limit")
	}
	e.kill()
	e.start()
	right()
}

// The histograms of a repository and environment are there without an observation as soon as a deployment is announced, over a
// kill, a restart without the checkpoint, and a start with the checkpoint alone.
func TestHistogramsStartAtZero(t *testing.T) {
	t.Parallel()
	api := newGitHubAPI(t)
	api.addCommit("web", "c0ffee", commit{message: "change", date: newYear})
	e := newExporter(t, api.server.URL)
	e.write("config.yml", e.read("config.yml")+"deployments: {settle: 1s}\n")
	e.start()
	d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
	e.mustPost(d.created())
	has := func(when string, count int) {
		t.Helper()
		const labels = `{environment="production",owner="acme",repo="web",team="Platform"`
		for _, line := range []string{
			`dora_change_lead_time_seconds_count` + labels + `}`, `dora_change_lead_time_seconds_bucket` + labels + `,le="+Inf"}`,
			`dora_deployment_run_seconds_count` + labels + `}`,
		} {
			e.eventually(when, func() error { return e.hasMetric(fmt.Sprint(line, " ", count)) })
		}
		for _, line := range []string{
			`dora_failed_deployment_recovery_seconds_count` + labels + `} 0`, `dora_failed_deployment_recovery_seconds_bucket` + labels + `,le="60"} 0`,
			`dora_change_stage_seconds_sum{environment="production",owner="acme",repo="web",stage="review",team="Platform"} 0`,
		} {
			if err := e.hasMetric(line); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
	}
	has("it is announced", 0)
	if _, out, _ := e.runOnce("explain", "metric", "dora_failed_deployment_recovery_seconds"); !strings.Contains(out, "no observation yet") {
		t.Errorf("it is explained as\n%s", out)
	}
	e.kill()
	e.start()
	has("after a kill", 0)
	e.terminate()
	if err := os.Remove(filepath.Join(e.folder, "dora-exporter.prom")); err != nil {
		t.Fatal(err)
	}
	e.start()
	has("without the checkpoint", 0)
	e.mustPost(d.status(1, "success", newYear.Add(time.Hour)))
	has("it is settled", 1)
	e.terminate()
	e.loseDatabase()
	e.start()
	has("with the checkpoint alone", 1)
}
