package explain_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dora-exporter/explain"
	"dora-exporter/internal/golden"
	"dora-exporter/persistence/checkpoint"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/story/shop"
)

// run explains a deployment, incident or metric of a shop. The flags are those of the command.
func run(t *testing.T, s *shop.Shop, args ...string) (string, error) {
	t.Helper()
	set := flag.NewFlagSet("explain", flag.ContinueOnError)
	format, n := set.String("o", "text", ""), set.Int("n", 50, "")
	var words []string
	for len(args) > 0 {
		if err := set.Parse(args); err != nil {
			t.Fatal(err)
		}
		if args = set.Args(); len(args) > 0 {
			words, args = append(words, args[0]), args[1:]
		}
	}
	var out strings.Builder
	err := s.Reader().Snapshot(t.Context(), func(r *sqlstore.Reader) error {
		e, err := explanation(t.Context(), explain.Reader{
			RecordReader: r, DeploymentReader: r, IncidentReader: r, EvidenceReader: r, WorkReader: r, FactReader: r,
		}, words[0], words[1], *n)
		if err != nil {
			return err
		}
		return explain.Write(&out, e, *format)
	})
	return out.String(), err
}

func explanation(ctx context.Context, r explain.Reader, kind, name string, n int) (explain.Explanation, error) {
	switch kind {
	case "deployment":
		return explain.Deployment(ctx, r, name)
	case "incident":
		return explain.Incident(ctx, r, name)
	}
	metric, labels, err := checkpoint.ParseSeries(name)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	if n == 0 {
		n = -1
	}
	return explain.Metric(ctx, r, explain.MetricQuery{Name: metric, Labels: labels, MaxFacts: n, MaxSeries: -1})
}

// numbered and tabulated are the positions of facts, which depend on what was done first of what was done at the same time.
var (
	numbered  = regexp.MustCompile(`(\bfact |"position": )\d+`)
	tabulated = regexp.MustCompile(`(?m)^  \d+ +(github|jira|dora)_`)
)

func TestExplain(t *testing.T) {
	s := shop.Day(t)
	for name, args := range map[string][]string{
		"deployment_first":     {"deployment", "acme/web#1"},
		"deployment_incident":  {"deployment", "Acme/Web#2"},
		"deployment_rollback":  {"deployment", "acme/web#3"},
		"deployment_repairs":   {"deployment", "acme/web#4"},
		"deployment_status":    {"deployment", "acme/web#5"},
		"deployment_next":      {"deployment", "acme/web#6"},
		"deployment_running":   {"deployment", "acme/web#7"},
		"deployment_staging":   {"deployment", "acme/web#8"},
		"deployment_waiting":   {"deployment", "acme/web#9"},
		"deployment_late":      {"deployment", "acme/web#10"},
		"deployment_failed":    {"deployment", "acme/web#11"},
		"deployment_json":      {"deployment", "-o", "json", "acme/web#3"},
		"deployment_unknown":   {"deployment", "acme/web#12"},
		"deployment_elsewhere": {"deployment", "acme/api#100"},
		"deployment_repo":      {"deployment", "acme/api#1"},
		"deployment_no_number": {"deployment", "acme/web"},
		"incident":             {"incident", "inc-7"},
		"incident_json":        {"incident", "INC-7", "-o", "json"},
		"incident_unknown":     {"incident", "INC-8"},
		"metric_counter":       {"metric", `github_deployments_total{environment="production",repo="web",status="success",team="Platform"}`},
		"metric_some_labels":   {"metric", `github_deployments_total{team="Platform",status="success"}`, "-n", "2"},
		"metric_histogram":     {"metric", `dora_change_lead_time_seconds{environment="production",instance="a:1",job="dora"}`},
		"metric_bucket":        {"metric", `dora_change_lead_time_seconds_bucket{environment="production",le="14400"}`},
		"metric_gauge":         {"metric", `github_deployments_duration{environment="production",status="success"}`},
		"metric_failures":      {"metric", `dora_change_failures_total`},
		"metric_json":          {"metric", `dora_failed_deployment_recovery_seconds_count`, "-o=json"},
		"metric_timestamp":     {"metric", `dora_deployment_timestamp_seconds`},
		"metric_unknown":       {"metric", `github_deployment_total{}`},
		"metric_own":           {"metric", `dora_exporter_late_events_total`},
		"metric_no_label":      {"metric", `github_deployments_total{owner="acme"}`},
		"metric_no_series":     {"metric", `github_deployments_total{team="Other"}`},
		"metric_no_bucket":     {"metric", `dora_change_lead_time_seconds_bucket{le="5"}`},
		"metric_matcher":       {"metric", `github_deployments_total{team=~"P.*"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := run(t, s, args...)
			if err != nil {
				got += "error: " + err.Error() + "\n"
			}
			got = tabulated.ReplaceAllString(numbered.ReplaceAllString(got, "${1}N"), "  N  ${1}_")
			golden.Compare(t, filepath.Join("testdata", name+".txt"), got)
			if slices.Contains(args, "json") && !json.Valid([]byte(got)) && !strings.Contains(got, ": N") {
				t.Errorf("no JSON:\n%s", got)
			}
		})
	}
}
