package integration

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

// The history that the queries are asked about, a time until a moment. Each counter rises evenly by so much a day, so that its
// increase over a window is that times the days, and every expected value is worked out from the tables here by hand.
const (
	shop    = `team="Checkout",owner="acme",repo="shop",environment="production"`
	cart    = `team="Checkout",owner="acme",repo="cart",environment="production"`
	index   = `team="Search",owner="acme",repo="index",environment="production"`
	staging = `team="Checkout",owner="acme",repo="shop",environment="staging"` // in no measure

	payHigh  = `team="Checkout",project="PAY",priority="High"`
	payLow   = `team="Checkout",project="PAY",priority="Low"`
	findHigh = `team="Search",project="FIND",priority="High"`

	here  = `job="dora-exporter",instance="a"`
	down  = `job="dora-exporter",instance="b"`
	quiet = `job="other",instance="b"` // has had no webhooks for two days
)

// perDay is how much counters rise in a day.
var perDay = map[string]float64{
	`dora_deployments_total{outcome="success",` + shop + `}`:    10,
	`dora_deployments_total{outcome="success",` + cart + `}`:    4,
	`dora_deployments_total{outcome="success",` + index + `}`:   2,
	`dora_deployments_total{outcome="success",` + staging + `}`: 50,
	`dora_deployments_total{outcome="failure",` + shop + `}`:    1,
	`dora_deployments_total{outcome="failure",` + cart + `}`:    0,
	`dora_deployments_total{outcome="failure",` + index + `}`:   1,

	`dora_changes_total{` + shop + `}`: 20, `dora_changes_total{` + cart + `}`: 8,
	`dora_changes_total{` + index + `}`: 3, `dora_changes_total{` + staging + `}`: 70,

	`dora_change_stage_seconds_sum{stage="coding",` + shop + `}`: 144000, `dora_change_stage_seconds_sum{stage="coding",` + index + `}`: 17000,
	`dora_change_stage_seconds_sum{stage="review",` + shop + `}`: 72000, `dora_change_stage_seconds_sum{stage="review",` + index + `}`: 20000,
	`dora_change_stage_seconds_sum{stage="deploy",` + shop + `}`: 36000, `dora_change_stage_seconds_sum{stage="deploy",` + index + `}`: 10000,
	`dora_change_stage_seconds_count{stage="coding",` + shop + `}`: 20, `dora_change_stage_seconds_count{stage="coding",` + index + `}`: 3,
	`dora_change_stage_seconds_count{stage="review",` + shop + `}`: 20, `dora_change_stage_seconds_count{stage="review",` + index + `}`: 3,
	`dora_change_stage_seconds_count{stage="deploy",` + shop + `}`: 20, `dora_change_stage_seconds_count{stage="deploy",` + index + `}`: 3,

	`dora_lead_time_unavailable_total{reason="not_found",` + shop + `}`:      2,
	`dora_lead_time_unavailable_total{reason="ignored_author",` + cart + `}`: 1,

	`dora_change_failures_total{cause="incident",` + shop + `}`: 1, `dora_change_failures_total{cause="rollback",` + shop + `}`: 1,
	`dora_change_failures_total{cause="incident",` + cart + `}`: 0, `dora_change_failures_total{cause="status",` + index + `}`: 0.5,
	`dora_rework_deployments_total{cause="rollback",` + shop + `}`: 1, `dora_rework_deployments_total{cause="rollback",` + cart + `}`: 0,
	`dora_rework_deployments_total{cause="status",` + index + `}`: 0.5,

	`dora_incidents_opened_total{` + payHigh + `}`: 1, `dora_incidents_opened_total{` + payLow + `}`: 2, `dora_incidents_opened_total{` + findHigh + `}`: 0.5,
}

// perMinute is how much the counters of the exporter itself rise in a minute.
var perMinute = map[string]float64{
	`dora_exporter_deliveries_total{source="github",event="deployment_status",result="accepted",` + here + `}`:  3,
	`dora_exporter_deliveries_total{source="github",event="deployment_status",result="duplicate",` + here + `}`: 1,
	`dora_exporter_deliveries_total{source="github",event="unknown",result="unauthorized",` + here + `}`:        0.5,
	`dora_exporter_deliveries_total{source="jira",event="jira:issue_created",result="accepted",` + here + `}`:   2,

	`dora_exporter_github_requests_total{route="/commits",code="200",` + here + `}`:         6,
	`dora_exporter_github_requests_total{route="/commits",code="403",` + here + `}`:         1,
	`dora_exporter_github_requests_total{route="/pulls",code="200",` + here + `}`:           2,
	`dora_exporter_catalog_lookups_total{result="found",` + here + `}`:                      2,
	`dora_exporter_catalog_given_up_total{` + here + `}`:                                    0.1,
	`dora_exporter_checkpoint_writes_total{result="ok",` + here + `}`:                       4,
	`dora_exporter_checkpoint_writes_total{result="error",` + here + `}`:                    1,
	`dora_exporter_otlp_exports_total{result="error",` + here + `}`:                         2,
	`dora_exporter_store_removed_total{what="facts",` + here + `}`:                          2,
	`dora_exporter_stale_scrapes_total{` + here + `}`:                                       1,
	`dora_exporter_late_events_total{` + here + `}`:                                         0.1,
	`dora_exporter_repair_missing_total{account="github.com",kind="delivery",` + here + `}`: 0.2,
	`dora_exporter_series_folded_total{families="dora",` + here + `}`:                       0.2,
	`process_cpu_seconds_total{` + here + `}`:                                               30,
}

// buckets are how many observations a day took at most so long, of histograms.
var buckets = map[string]map[string]float64{
	`dora_change_lead_time_seconds_bucket{` + shop:    {"3600": 0, "86400": 10, "604800": 20, "+Inf": 20},
	`dora_change_lead_time_seconds_bucket{` + cart:    {"3600": 8, "86400": 8, "604800": 8, "+Inf": 8},
	`dora_change_lead_time_seconds_bucket{` + index:   {"3600": 0, "86400": 0, "604800": 3, "+Inf": 3},
	`dora_change_lead_time_seconds_bucket{` + staging: {"3600": 50, "86400": 50, "604800": 50, "+Inf": 50},

	`dora_deployment_run_seconds_bucket{` + shop:  {"60": 0, "300": 10, "+Inf": 11},
	`dora_deployment_run_seconds_bucket{` + cart:  {"60": 4, "300": 4, "+Inf": 4},
	`dora_deployment_run_seconds_bucket{` + index: {"60": 0, "300": 3, "+Inf": 3},

	`dora_failed_deployment_recovery_seconds_bucket{` + shop:  {"1800": 0, "3600": 2, "86400": 2, "+Inf": 2},
	`dora_failed_deployment_recovery_seconds_bucket{` + index: {"1800": 0, "3600": 0, "86400": 0.5, "+Inf": 0.5},

	`dora_incident_recovery_seconds_bucket{` + payHigh:  {"3600": 1, "86400": 1, "+Inf": 1},
	`dora_incident_recovery_seconds_bucket{` + findHigh: {"3600": 0, "86400": 1, "+Inf": 1},
}

// gauges stay as they are.
var gauges = map[string]float64{
	`dora_deployment_timestamp_seconds{` + shop + `}`: 1.70e9, `dora_deployment_timestamp_seconds{` + cart + `}`: 1.71e9,
	`dora_deployment_timestamp_seconds{` + index + `}`: 1.72e9,
	`dora_incidents_open{` + payHigh + `}`:             2, `dora_incidents_open{` + payLow + `}`: 3, `dora_incidents_open{` + findHigh + `}`: 2,

	`up{` + here + `}`: 1, `up{` + down + `}`: 0,
	`dora_exporter_build_info{version="1.2.3",revision="abc",goversion="go1",` + here + `}`: 1,
	`dora_exporter_oldest_pending_age_seconds{` + here + `}`:                                2000,
	`dora_exporter_backlog{` + here + `}`:                                                   7,
	`dora_exporter_dead_letters{` + here + `}`:                                              2,
	`dora_exporter_github_auth_failing{` + here + `}`:                                       1,
	`dora_exporter_evaluations_oldest_waiting_seconds{` + here + `}`:                        9000,
	`dora_exporter_github_lookups_waiting{` + here + `}`:                                    5,
	`dora_exporter_github_inaccessible_repositories{` + down + `}`:                          2,
	`dora_exporter_github_rate_limit{` + here + `}`:                                         5000,
	`dora_exporter_unsigned_webhooks_accepted{source="jira",` + here + `}`:                  1,
	`dora_exporter_store_size_bytes{` + here + `}`:                                          5e7,
	`dora_exporter_store_stalled_seconds{` + here + `}`:                                     3,
	`dora_exporter_leases_unclaimed_seconds{queue="lookups",` + here + `}`:                  400,
	`dora_exporter_otlp_lease_held{` + here + `}`:                                           0,
	`dora_exporter_checkpoint_age_seconds{` + here + `}`:                                    700,
	`dora_exporter_series{families="github",` + here + `}`:                                  19000,
	`dora_exporter_series{families="dora",` + here + `}`:                                    100,
	`dora_exporter_series_limit{` + here + `}`:                                              20000,
	`process_resident_memory_bytes{` + here + `}`:                                           1e8,
	`go_goroutines{` + here + `}`:                                                           40,
}

// history writes all of it until a moment into a folder of Prometheus' database: every hour, and every minute of the last hour.
func history(t *testing.T, until time.Time, length time.Duration) (folder string) {
	t.Helper()
	allDays := length.Hours() / 24
	series := map[string]func(days float64) float64{} // by days since the beginning
	for name, n := range perDay {
		series[name] = func(days float64) float64 { return n * days }
	}
	for name, n := range perMinute {
		series[name] = func(days float64) float64 { return n * days * 24 * 60 }
	}
	for name, of := range buckets {
		for le, n := range of {
			series[name+`,le="`+le+`"}`] = func(days float64) float64 { return n * days }
		}
	}
	for name, value := range gauges {
		series[name] = func(float64) float64 { return value }
	}
	series[`dora_exporter_deliveries_total{source="github",event="deployment_status",result="accepted",`+quiet+`}`] = func(days float64) float64 {
		return 24 * min(days, max(0, allDays-2))
	}
	series[`dora_exporter_github_rate_limit_remaining{`+here+`}`] = func(days float64) float64 {
		if days < allDays-0.2 {
			return 5000
		}
		return 400
	}
	names := make([]string, 0, len(series))
	for name := range series {
		names = append(names, name)
	}
	sort.Strings(names)

	var times []time.Duration
	for at := time.Duration(0); at <= length; {
		times = append(times, at)
		if length-at > time.Hour {
			at += time.Hour
		} else {
			at += time.Minute
		}
	}
	folder = t.TempDir()
	path := filepath.Join(folder, "history.txt")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(file)
	family := ""
	for _, name := range names {
		if f, _, _ := strings.Cut(name, "{"); f != family {
			family = f
			_, _ = fmt.Fprintf(w, "# TYPE %s unknown\n", family)
		}
		for _, at := range times {
			_, _ = fmt.Fprintf(w, "%s %g %d\n", name, series[name](at.Hours()/24), until.Add(at-length).Unix())
		}
	}
	_, _ = fmt.Fprintln(w, "# EOF")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(folder, "data")
	if out, err := exec.Command("promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=2000h", path, data).CombinedOutput(); err != nil {
		t.Fatalf("make the blocks: %v: %s", err, out)
	}
	return data
}
