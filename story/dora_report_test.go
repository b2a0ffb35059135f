package story

import (
	"encoding/json"
	"math"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/internal/markdown"
)

// reported is what a report says of a team: shares, and medians in seconds.
type reported struct {
	Deployments, Changes, WithoutLeadTime, Repaired int
	LeadTime, FailureRate, Recovery, Rework         float64
	Causes                                          map[string]int
}

// report runs the subcommand over all events.
func (e *exporter) report() (teams map[string]reported) {
	e.Helper()
	status, out, complaint := e.runOnce("report", "-since", "20000d", "-o", "json")
	var r struct {
		Rows []struct {
			Name      string
			Frequency struct{ Observations int } `json:"deployment_frequency"`
			LeadTime  struct {
				Observations int
				Median       float64 `json:"median_seconds"`
				Without      int     `json:"changes_without_lead_time"`
			} `json:"lead_time_for_changes"`
			FailureRate struct {
				Rate   float64
				Causes map[string]int
			} `json:"change_failure_rate"`
			Recovery struct {
				Observations int
				Median       float64 `json:"median_seconds"`
			} `json:"failed_deployment_recovery_time"`
			Rework struct{ Rate float64 } `json:"rework_rate"`
		}
		Differences []any
		Unsettled   int
	}
	if err := json.Unmarshal([]byte(out), &r); status != 0 || err != nil {
		e.Fatalf("report: exit status %d, %v: %s%s", status, err, out, complaint)
	}
	if len(r.Differences) != 0 || r.Unsettled != 0 {
		e.Errorf("report differs from /metrics: %v, and %d things are unsettled", r.Differences, r.Unsettled)
	}
	teams = map[string]reported{}
	for _, row := range r.Rows {
		teams[row.Name] = reported{
			Deployments: row.Frequency.Observations, Changes: row.LeadTime.Observations, WithoutLeadTime: row.LeadTime.Without,
			Repaired: row.Recovery.Observations, LeadTime: row.LeadTime.Median, FailureRate: row.FailureRate.Rate,
			Recovery: row.Recovery.Median, Rework: row.Rework.Rate, Causes: row.FailureRate.Causes,
		}
	}
	return teams
}

// documentedReport is what docs/dora.md says in the table of the five measures. How many observations there are follows from
// its other tables, by hand.
func documentedReport(t *testing.T) map[string]reported {
	t.Helper()
	teams := map[string]reported{
		"Platform": {Changes: 12, WithoutLeadTime: 1, Repaired: 5, Causes: map[string]int{"status": 1, "incident": 1, "rollback": 1, "revert": 1, "hotfix": 1}},
		"Shop":     {Changes: 4, WithoutLeadTime: 1, Repaired: 2, Causes: map[string]int{"incident": 1, "window": 1}},
	}
	rows := map[string]markdown.Row{}
	for _, row := range markdown.Read(t, "docs/dora.md").Rows("measure", "Platform", "Shop") {
		rows[row.Cell("measure")] = row
	}
	row := func(measure string, form string, take func(*reported, float64, float64)) {
		t.Helper()
		if _, ok := rows[measure]; !ok {
			t.Fatalf("docs/dora.md has no row about %s", measure)
		}
		for team, r := range teams {
			m := regexp.MustCompile(form).FindStringSubmatch(rows[measure].Cell(team))
			if m == nil {
				t.Fatalf("docs/dora.md: %s of %s is %q, which does not match %s", measure, team, rows[measure].Cell(team), form)
			}
			take(&r, number(t, m[1]), number(t, "0"+m[2]))
			teams[team] = r
		}
	}
	share := `(\d+) ÷ (\d+) = `
	seconds := `(\d+) s, about()`
	row("deployment frequency", share, func(r *reported, n, _ float64) { r.Deployments = int(n) })
	row("lead time for changes, median", seconds, func(r *reported, n, _ float64) { r.LeadTime = n })
	row("change failure rate", share, func(r *reported, n, of float64) { r.FailureRate = sixDecimals(n / of) })
	row("failed deployment recovery time, median", seconds, func(r *reported, n, _ float64) { r.Recovery = n })
	row("rework rate", share, func(r *reported, n, of float64) { r.Rework = sixDecimals(n / of) })
	return teams
}

func sixDecimals(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// reports checks that a report says what docs/dora.md does, also while the server runs.
func (e *exporter) reports() {
	e.Helper()
	if diff := cmp.Diff(documentedReport(e.T), e.report()); diff != "" {
		e.Errorf("-docs/dora.md +report:\n%s", diff)
	}
}
