package report

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/internal/golden"
)

// exampleReport has a team with everything, one with too little, and one whose name is meant to do harm.
func exampleReport() Report {
	to := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	none := Measure{Value: math.NaN()}
	return Report{
		From: to.Add(-30 * 24 * time.Hour), To: to, Unsettled: 2,
		Rows: []Row{
			{
				Name: "Platform", Frequency: Measure{Value: 7. / 30, Observations: 7, Band: High},
				LeadTime: Measure{Value: 30 * 3600, Observations: 7, Band: High}, LeadTime85: 52.8 * 3600, WithoutLeadTime: 1,
				FailureRate: Measure{Value: 3. / 7, Observations: 7, Band: Low}, Failures: 3,
				Causes:   map[dora.Cause]int{dora.CauseStatus: 1, dora.CauseIncident: 1, dora.CauseRollback: 1},
				Recovery: Measure{Value: 4 * 3600, Observations: 2}, Unrepaired: 1, Rework: Measure{Value: 2. / 7, Observations: 7}, Repairs: 2,
			},
			{
				Name: "Mobile", Frequency: Measure{Value: 1. / 30, Observations: 1}, LeadTime: Measure{Value: 90, Observations: 1}, LeadTime85: 90,
				FailureRate: Measure{Observations: 1}, Recovery: none, Rework: Measure{Observations: 1}, Causes: map[dora.Cause]int{},
			},
			{
				Name: "=1+1|<b>\x1b[2J\n\"", Frequency: Measure{}, LeadTime: none, LeadTime85: math.NaN(), FailureRate: none, Recovery: none, Rework: none,
				Causes: map[dora.Cause]int{},
			},
		},
		Environments: []dora.Environment{{Name: "Production", Production: true}, {Name: "eu|prod", Production: true}, {Name: "qa\x1b[2J"}},
		Differences: []Difference{
			{Row: "Platform", Series: `dora_change_failures_total{cause="status"}`, Events: 1, Metrics: 0},
			{Row: "@SUM(A1)", Series: "dora_change_lead_time_seconds_sum", Events: 14400.5, Metrics: 15000},
		},
	}
}

func TestReportFormats(t *testing.T) {
	quiet := Report{From: exampleReport().From, To: exampleReport().To, Rows: exampleReport().Rows[:1]}
	for name, test := range map[string]struct {
		format string
		report Report
	}{
		"report.txt": {"table", exampleReport()}, "report.json": {"json", exampleReport()},
		"report.csv": {"csv", exampleReport()}, "report.md": {"markdown", exampleReport()},
		"quiet.txt": {"table", quiet}, "quiet.md": {"markdown", quiet},
		"empty.txt": {"table", Report{From: quiet.From, To: quiet.To}}, "empty.md": {"markdown", Report{From: quiet.From, To: quiet.To}},
		"empty.json": {"json", Report{From: quiet.From, To: quiet.To}},
	} {
		var out strings.Builder
		if err := test.report.Write(&out, test.format, Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.ContainsRune(out.String(), '\x1b') {
			t.Errorf("%s: a terminal would act on it", name)
		}
		golden.Compare(t, filepath.Join("testdata", name), out.String())
	}
}
