package story

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// An environment for each pull request, far more of them than metrics.max_series has room for: the number of series stays
// below it, and the team's totals stay exact, also over a restart.
func TestManyEnvironments(t *testing.T) {
	const environments, maxSeries = 3000, 600
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
		e.eventually("the team's totals are exact", 60*time.Second, func() error {
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
			if count != environments+10 || sum != float64(seconds) || demo != 10 {
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
	if !strings.Contains(text, "\ndora_exporter_series_limit 600\n") || strings.Contains(text, `folded_total{families="github"} 0`) {
		t.Error("the program's own metrics don't tell of the limit")
	}
	e.kill()
	e.start()
	right()
}
