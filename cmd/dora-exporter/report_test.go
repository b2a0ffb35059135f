package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/dora/rules"
	"dora-exporter/persistence"
)

// aReport has a team with everything, one with too little, and one whose name is meant to do harm.
func aReport() rules.Report {
	to := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	none := rules.Measure{Value: math.NaN()}
	return rules.Report{
		From: to.Add(-30 * 24 * time.Hour), To: to, Unsettled: 2,
		Rows: []rules.Row{
			{
				Name: "Platform", Frequency: rules.Measure{Value: 7. / 30, Observations: 7, Band: rules.High},
				LeadTime: rules.Measure{Value: 30 * 3600, Observations: 7, Band: rules.High}, LeadTime85: 52.8 * 3600, WithoutLeadTime: 1,
				FailureRate: rules.Measure{Value: 3. / 7, Observations: 7, Band: rules.Low}, Failures: 3,
				Causes:   map[dora.Cause]int{dora.CauseStatus: 1, dora.CauseIncident: 1, dora.CauseRollback: 1},
				Recovery: rules.Measure{Value: 4 * 3600, Observations: 2}, Unrepaired: 1, Rework: rules.Measure{Value: 2. / 7, Observations: 7}, Repairs: 2,
			},
			{
				Name: "Mobile", Frequency: rules.Measure{Value: 1. / 30, Observations: 1}, LeadTime: rules.Measure{Value: 90, Observations: 1}, LeadTime85: 90,
				FailureRate: rules.Measure{Observations: 1}, Recovery: none, Rework: rules.Measure{Observations: 1}, Causes: map[dora.Cause]int{},
			},
			{
				Name: "=1+1|<b>\x1b[2J\n\"", Frequency: rules.Measure{}, LeadTime: none, LeadTime85: math.NaN(), FailureRate: none, Recovery: none, Rework: none,
				Causes: map[dora.Cause]int{},
			},
		},
		Differences: []rules.Difference{
			{Row: "Platform", Series: `dora_change_failures_total{cause="status"}`, Events: 1, Metrics: 0},
			{Row: "@SUM(A1)", Series: "dora_change_lead_time_seconds_sum", Events: 14400.5, Metrics: 15000},
		},
	}
}

func TestReportFormats(t *testing.T) {
	quiet := rules.Report{From: aReport().From, To: aReport().To, Rows: aReport().Rows[:1]}
	for name, test := range map[string]struct {
		write  func(io.Writer, rules.Report, string) error
		report rules.Report
	}{
		"report.txt": {writeTable, aReport()}, "report.json": {writeJSON, aReport()},
		"report.csv": {writeCSV, aReport()}, "report.md": {writeMarkdown, aReport()},
		"quiet.txt": {writeTable, quiet}, "quiet.md": {writeMarkdown, quiet},
		"empty.txt": {writeTable, rules.Report{From: quiet.From, To: quiet.To}}, "empty.md": {writeMarkdown, rules.Report{From: quiet.From, To: quiet.To}},
		"empty.json": {writeJSON, rules.Report{From: quiet.From, To: quiet.To}},
	} {
		var out strings.Builder
		if err := test.write(&out, test.report, "team"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.ContainsRune(out.String(), '\x1b') {
			t.Errorf("%s: a terminal would act on it", name)
		}
		sameAsFile(t, filepath.Join("testdata", "report", name), out.String())
	}
}

func TestAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90d": 90 * 24 * time.Hour, "12w": 84 * 24 * time.Hour, "24h": 24 * time.Hour, "1.5d": 36 * time.Hour, "1w2d12h": 228 * time.Hour, "90m": 90 * time.Minute,
	} {
		var a age
		if err := a.Set(text); err != nil || time.Duration(a) != want {
			t.Errorf("%s: %v, want %v, %v", text, time.Duration(a), want, err)
		}
	}
	for _, text := range []string{"", "90", "d", "-1d", "0d", "1x", "1 d", "1d ", "1e9w", "999999999w", "..d", "1d2", "NaNd", "infd"} {
		var a age
		if err := a.Set(text); err == nil || !strings.Contains(err.Error(), "such as 90d, 12w or 24h") {
			t.Errorf("%q: %v, %v", text, time.Duration(a), err)
		}
	}
}

// The command reads the database that the configuration names, beside whoever writes it.
func TestReportCommand(t *testing.T) {
	database := filepath.Join(t.TempDir(), "dora-exporter.db")
	store, err := persistence.Open(t.Context(), database, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	now := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	deployment := dora.Tracked{
		Deployment: dora.Deployment{Host: "api.github.com", ID: 1, Owner: "acme", Repository: "Web", Environment: "production", SHA: "c0ffee"},
		Team:       "Platform", InProduction: true, Outcomes: []dora.Outcome{{ID: 1, State: "success", At: now.Add(-25 * time.Hour)}},
		Shipment: &dora.Shipment{Relation: dora.First, Changes: []dora.Change{{Origin: dora.Origin{FirstCommit: now.Add(-26 * time.Hour)}, SHA: "c0ffee"}}},
	}
	labels := dora.Labels{"environment": "production", "owner": "acme", "repo": "Web", "team": "Platform"}
	err = store.Update(t.Context(), func(tx dora.Tx) error {
		_, err := tx.Facts().Add(dora.Fact{Family: dora.Deployments, Labels: labels.With("outcome", "success"), Value: 1, At: now, Subject: "deployment:1/success"})
		if err != nil {
			return err
		}
		return tx.Deployments().Save(deployment)
	})
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		set := flag.NewFlagSet("", flag.ContinueOnError)
		do := report(func() time.Time { return now })(set)
		if err := set.Parse(args); err != nil {
			t.Fatal(err)
		}
		c := &config.Config{Policy: config.DefaultPolicy()}
		c.Storage.Database = database
		var out bytes.Buffer
		if err := do(context.Background(), c, nil, &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	var all jsonReport
	if err := json.Unmarshal([]byte(run("-o", "json", "-since", "2d", "-by", "repo")), &all); err != nil {
		t.Fatal(err)
	}
	// The change and its lead time are not on /metrics.
	differences := []jsonDifference{
		{"acme/web", "dora_change_lead_time_seconds_count", 1, 0},
		{"acme/web", "dora_change_lead_time_seconds_sum", 3600, 0},
		{"acme/web", "dora_changes_total", 1, 0},
	}
	if diff := cmp.Diff(differences, all.Differences); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(all.Rows) != 1 || all.Rows[0].Name != "acme/web" || *all.Rows[0].LeadTime.Median != 3600 || all.By != "repo" || !all.To.Equal(now) {
		t.Errorf("%+v", all)
	}
	if text := run("-since", "24h"); !strings.Contains(text, "too few (0)") || !strings.Contains(text, "0.0 a month") {
		t.Errorf("the deployment is older than a day:\n%s", text)
	}
	if rows, err := csv.NewReader(strings.NewReader(run("-o", "csv"))).ReadAll(); err != nil || len(rows) != 1+5+3 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestReportFlags(t *testing.T) {
	for args, want := range map[string]string{
		"report -by team -by repo -o csv -since 12w": "", "report -config.file a.yml -o json": "",
		"report -by person":  `invalid value "person" for flag -by: write team or repo;`,
		"report -o xml":      `invalid value "xml" for flag -o: write table, json, csv or markdown;`,
		"report -since ever": "write a number with a unit, such as 90d, 12w or 24h;",
		"report -since 0d":   "write how far to look back",
		"report now":         "write dora-exporter report [-since AGE] [-by team|repo] [-o table|json|csv|markdown];",
		"report -nope":       "-nope",
		"-by team report":    "-by",
		"backup -by team a":  "-by",
	} {
		var out, errOut strings.Builder
		_, err := parseFlags(strings.Fields(args), &out, &errOut)
		if text := errOut.String(); (err != nil) != (want != "") || !strings.Contains(text, want) || strings.Count(text, "\n") > 1 {
			t.Errorf("%s: %v, told %q, want one line with %q", args, err, text, want)
		}
	}
}
