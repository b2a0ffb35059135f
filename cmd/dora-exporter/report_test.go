package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/persistence/sqlite"
)

// reportJSON is the part of a report as JSON that is checked here.
type reportJSON struct {
	To          time.Time
	By          string
	Differences []difference
	Rows        []struct {
		Name     string
		LeadTime struct {
			Median *float64 `json:"median_seconds"`
		} `json:"lead_time_for_changes"`
	}
}

type difference struct {
	Name, Series    string
	Events, Metrics float64
}

// The command reads the database that the configuration names, beside whoever writes it.
func TestReportCommand(t *testing.T) {
	database := filepath.Join(t.TempDir(), "dora-exporter.db")
	store, err := sqlite.Open(t.Context(), database, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	now := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	deployment := dora.DeploymentRecord{
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
		do := reportCommand(func() time.Time { return now })(set)
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
	var all reportJSON
	if err := json.Unmarshal([]byte(run("-o", "json", "-since", "2d", "-by", "repo")), &all); err != nil {
		t.Fatal(err)
	}
	// The change and its lead time are not on /metrics.
	differences := []difference{
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
	checkFlags(t, map[string]string{
		"report -by team -by repo -o csv -since 12w": "", "report -config.file a.yml -o json": "",
		"report -by person":  `invalid value "person" for flag -by: must be one of: team, repo;`,
		"report -o xml":      `invalid value "xml" for flag -o: must be one of: table, json, csv, markdown;`,
		"report -since ever": "must be a number with a unit, such as 90d, 12w or 24h;",
		"report -since 0d":   "must be above 0 and at most a hundred years",
		"report now":         "usage: dora-exporter report [-since AGE] [-by team|repo] [-o table|json|csv|markdown];",
		"report -nope":       "-nope",
		"-by team report":    "-by",
		"backup -by team a":  "-by",
	})
}
