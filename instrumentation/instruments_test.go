package instrumentation

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

var (
	success = dora.Labels{"environment": "production", "repo": "web", "status": "success", "team": "Platform"}
	project = dora.Labels{"project": "INC", "team": "Platform"}
)

func TestHandlerFamilies(t *testing.T) {
	i := newInstruments(t)
	i.Restore(dora.State{})
	record(
		t, i,
		dora.Fact{Family: dora.DeploymentsTotal, Labels: success, Value: 1},
		dora.Fact{Family: dora.DeploymentsDurationSum, Labels: success, Value: 90_500},
		dora.Fact{Family: dora.DeploymentsDuration, Labels: success, Value: 90_500, At: time.Unix(100, 0)},
		dora.Fact{Family: dora.DeploymentsDurationUnavailable, Labels: success.With("reason", "not_found"), Value: 1},
		dora.Fact{Family: dora.Incidents, Labels: project, Value: 1},
		dora.Fact{Family: dora.IncidentsDurationSum, Labels: project, Value: 3_600_000},
	)
	want := `# HELP github_deployments_duration The last deployments duration
# TYPE github_deployments_duration gauge
github_deployments_duration{environment="production",repo="web",status="success",team="Platform"} 90.5
# HELP github_deployments_duration_sum The last deployments duration sum
# TYPE github_deployments_duration_sum gauge
github_deployments_duration_sum{environment="production",repo="web",status="success",team="Platform"} 90.5
# HELP github_deployments_duration_unavailable_total Deployment statuses that are counted in github_deployments_total and have no duration, by reason.
# TYPE github_deployments_duration_unavailable_total counter
github_deployments_duration_unavailable_total{environment="production",reason="not_found",repo="web",status="success",team="Platform"} 1
# HELP github_deployments_total The amount of successful deployments.
# TYPE github_deployments_total counter
github_deployments_total{environment="production",repo="web",status="success",team="Platform"} 1
# HELP jira_incidents The amount of incidents.
# TYPE jira_incidents counter
jira_incidents{project="INC",team="Platform"} 1
# HELP jira_incidents_duration_sum The incidents duration sum
# TYPE jira_incidents_duration_sum gauge
jira_incidents_duration_sum{project="INC",team="Platform"} 3600
`
	for _, accept := range []string{
		"",
		"text/plain;version=0.0.4",
		"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
	} {
		if diff := cmp.Diff(want, families(scrape(t, i, accept), "github_", "jira_")); diff != "" {
			t.Errorf("Accept %q: -want +got:\n%s", accept, diff)
		}
	}
}

func TestHandlerBeforeRestore(t *testing.T) {
	i := newInstruments(t)
	handler, err := i.Handler()
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusServiceUnavailable {
		t.Errorf("before the restore: status %d, want 503", answer.Code)
	}
	i.Restore(dora.State{})
	answer = httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Errorf("after the restore: status %d, want 200", answer.Code)
	}
	for _, line := range []string{
		`promhttp_metric_handler_requests_total{code="503"} 1`, `promhttp_metric_handler_requests_total{code="200"} 0`,
		"promhttp_metric_handler_requests_in_flight 1", `promhttp_metric_handler_errors_total{cause="gathering"} 0`,
	} {
		if !strings.Contains(answer.Body.String(), line+"\n") {
			t.Errorf("after the restore: no line %s", line)
		}
	}
}

func TestRestoredValues(t *testing.T) {
	newest := time.Unix(1000, 0)
	i := newInstruments(t)
	i.Restore(dora.State{
		dora.DeploymentsTotal:       {success.Key(): {Labels: success, Baseline: 3, Own: 2}},
		dora.DeploymentsDurationSum: {success.Key(): {Labels: success, Baseline: 94778.17152176499, Own: 100}},
		dora.DeploymentsDuration:    {success.Key(): {Labels: success, Own: 100, At: newest, ID: 7}},
	})
	record(
		t, i,
		dora.Fact{Family: dora.DeploymentsTotal, Labels: success, Value: 1},
		dora.Fact{Family: dora.DeploymentsDurationSum, Labels: success, Value: 200},
		// An older one, and one of the same second with a smaller id: the newest stays.
		dora.Fact{Family: dora.DeploymentsDuration, Labels: success, Value: 200, At: newest.Add(-time.Second), ID: 9},
		dora.Fact{Family: dora.DeploymentsDuration, Labels: success, Value: 300, At: newest, ID: 6},
	)
	want := dora.State{
		dora.DeploymentsTotal:       {success.Key(): {Labels: success, Baseline: 3, Own: 3}},
		dora.DeploymentsDurationSum: {success.Key(): {Labels: success, Baseline: 94778.17152176499, Own: 300}},
		dora.DeploymentsDuration:    {success.Key(): {Labels: success, Own: 100, At: newest, ID: 7}},
	}
	if diff := cmp.Diff(want, i.State()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	record(t, i, dora.Fact{Family: dora.DeploymentsDuration, Labels: success, Value: 400, At: newest, ID: 8})
	want[dora.DeploymentsDuration] = map[string]dora.Series{success.Key(): {Labels: success, Own: 400, At: newest, ID: 8}}
	if diff := cmp.Diff(want, i.State()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Sums in floating point depend on how they are grouped; what is served must not, or a restart would look like a reset.
func TestRestartIsExact(t *testing.T) {
	const facts = 1000
	at := func(n int) []dora.Fact {
		ms := int64(n*n%977 + 1)
		return []dora.Fact{
			{Family: dora.DeploymentsDurationSum, Labels: success, Value: ms},
			{Family: dora.LeadTime, Labels: scope, Value: 1_000_003 * ms},
			{Family: dora.DeploymentTimestamp, Labels: scope, Value: 1_772_452_800_000 + ms, At: time.UnixMilli(ms), ID: int64(n)},
		}
	}
	bases := dora.State{dora.LeadTime: {scope.Key(): {Labels: scope, Baseline: 94778.17152176499, BaselineBuckets: make([]int64, 17)}}}
	whole := newInstruments(t)
	whole.Restore(clone(bases))
	parts := newInstruments(t)
	parts.Restore(clone(bases))
	for n := range facts {
		record(t, whole, at(n)...)
		record(t, parts, at(n)...)
		if n%10 == 0 { // a restart
			next := newInstruments(t)
			next.Restore(parts.State())
			parts = next
		}
		if n%100 != 0 {
			continue
		}
		served := func(i *Instruments) string {
			return families(scrape(t, i, ""), "github_", "dora_change", "dora_deployment")
		}
		if a, b := served(whole), served(parts); a != b {
			t.Fatalf("after %d facts: without restarts\n%s\nwith\n%s", n+1, a, b)
		}
		if diff := cmp.Diff(whole.State(), parts.State()); diff != "" {
			t.Fatalf("after %d facts: -without restarts +with:\n%s", n+1, diff)
		}
	}
}

func TestSelfMetrics(t *testing.T) {
	i := newInstruments(t)
	i.Restore(dora.State{})
	i.Delivery("github", "deployment_status", "accepted")
	i.GitHubRequest("github.com", "/repos/{owner}/{repo}/commits/{sha}", "200")
	i.GitHubRateLimit("github.com", 4999, 5000)
	i.GitHubAuth("github.com", true)
	i.GitHubInaccessible("github.com", 2)
	i.GitHubPaused("github.com", "rate_limit")
	i.CatalogLookup("found")
	i.TeamGivenUp()
	i.Checkpoint(now().Add(-3*time.Second), nil)
	i.countExport("error", 1)
	i.Removed("deployments", 3)
	i.Repair("delivery", "github.com", 0, 0, 0)
	i.Repair("delivery", "github.com", 20, 3, 2)
	want := []string{
		`dora_exporter_accept_failures_total 0`,
		`dora_exporter_backlog 2`,
		`dora_exporter_build_info{goversion="go1",revision="abc",version="1.2.3"} 1`,
		`dora_exporter_catalog_given_up_total 1`,
		`dora_exporter_catalog_lookups_total{result="found"} 1`,
		`dora_exporter_checkpoint_age_seconds 3`,
		`dora_exporter_checkpoint_writes_total{result="ok"} 1`,
		`dora_exporter_connections_evicted_total 0`,
		`dora_exporter_dead_letters 3`,
		`dora_exporter_deliveries_total{event="deployment_status",result="accepted",source="github"} 1`,
		`dora_exporter_deliveries_total{event="unknown",result="unauthorized",source="github"} 0`,
		`dora_exporter_deliveries_total{event="unknown",result="unauthorized",source="jira"} 0`,
		`dora_exporter_delivery_conflicts_total 0`,
		`dora_exporter_evaluations_due 4`,
		`dora_exporter_evaluations_oldest_waiting_seconds 90.5`,
		`dora_exporter_evaluations_waiting 7`,
		`dora_exporter_github_auth_failing{account="github.com"} 1`,
		`dora_exporter_github_inaccessible_repositories{account="github.com"} 2`,
		`dora_exporter_github_lookups_waiting 5`,
		`dora_exporter_github_paused{account="github.com",reason="failing"} 0`,
		`dora_exporter_github_paused{account="github.com",reason="rate_limit"} 1`,
		`dora_exporter_github_paused{account="github.com",reason="refused"} 0`,
		`dora_exporter_github_rate_limit{account="github.com"} 5000`,
		`dora_exporter_github_rate_limit_remaining{account="github.com"} 4999`,
		`dora_exporter_github_requests_total{account="github.com",code="200",route="/repos/{owner}/{repo}/commits/{sha}"} 1`,
		`dora_exporter_late_events_total 0`,
		`dora_exporter_leases_held{queue="lookups"} 3`,
		`dora_exporter_leases_lost_total{queue="lookups"} 1`,
		`dora_exporter_leases_taken_over_total{queue="lookups"} 2`,
		`dora_exporter_leases_unclaimed_seconds{queue="lookups"} 1.5`,
		`dora_exporter_oldest_pending_age_seconds 60`,
		`dora_exporter_otlp_exports_total{result="error"} 1`,
		`dora_exporter_projection_lag 6`,
		`dora_exporter_repair_checked_total{account="github.com",kind="delivery"} 20`,
		`dora_exporter_repair_missing_total{account="github.com",kind="delivery"} 3`,
		`dora_exporter_repair_repaired_total{account="github.com",kind="delivery"} 2`,
		`dora_exporter_series{families="github"} 9`,
		`dora_exporter_series_folded_total{families="dora"} 0`,
		`dora_exporter_series_folded_total{families="github"} 0`,
		`dora_exporter_series_folded_total{families="jira"} 0`,
		`dora_exporter_series_limit 20000`,
		`dora_exporter_stale_scrapes_total 0`,
		`dora_exporter_store_connections{pool="read",state="idle"} 2`,
		`dora_exporter_store_connections{pool="read",state="used"} 3`,
		`dora_exporter_store_connections_limit{pool="read"} 9`,
		`dora_exporter_store_connections_wait_time_seconds_total{pool="read"} 2.5`,
		`dora_exporter_store_connections_waits_total{pool="read"} 4`,
		`dora_exporter_store_removed_total{what="deliveries"} 0`,
		`dora_exporter_store_removed_total{what="deployments"} 3`,
		`dora_exporter_store_removed_total{what="facts"} 0`,
		`dora_exporter_store_removed_total{what="incidents"} 0`,
		`dora_exporter_store_size_bytes 12288`,
		`dora_exporter_store_stalled_seconds 1.5`,
		`dora_exporter_store_waiting_writes 4`,
		`dora_exporter_store_wal_bytes 4096`,
		`dora_exporter_unsigned_webhooks_accepted{source="jira"} 1`,
	}
	var got []string
	for line := range strings.Lines(families(scrape(t, i, ""), "dora_exporter_")) {
		if !strings.HasPrefix(line, "#") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if !strings.Contains(scrape(t, i, ""), "\n"+name+" ") {
			t.Errorf("no %s", name)
		}
	}
}

func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// clone copies a state, since Restore empties it.
func clone(s dora.State) dora.State {
	c := dora.State{}
	for family, all := range s {
		c[family] = maps.Clone(all)
	}
	return c
}

func newInstruments(t *testing.T) *Instruments {
	t.Helper()
	i, err := New(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func testOptions() Options {
	return Options{
		Families: dora.Families(), Started: func() time.Time { return time.Unix(0, 0) }, Version: "1.2.3", Revision: "abc", GoVersion: "go1",
		Unsigned: []string{"jira"}, Now: now,
		Writes: func() (Writes, error) {
			return Writes{Waiting: 4, Stalled: 1500 * time.Millisecond, Log: 4096, Size: 12288}, nil
		},
		Backlog: func(context.Context) (Backlog, error) {
			return Backlog{Deliveries: 2, Oldest: now().Add(-time.Minute), SetAside: 3, LookUps: 5, Evaluations: 7, EvaluationsDue: 4, EvaluationsAge: 90500 * time.Millisecond}, nil
		},
		Lag: func() int64 { return 6 },

		Pools: func() []Pool {
			return []Pool{{"read", Connections{Used: 3, Idle: 2, Limit: 9, Waits: 4, Waited: 2500 * time.Millisecond}}}
		},
		Leases: func() []Leases { return []Leases{{Queue: "lookups", Held: 3, TakenOver: 2, Lost: 1}} },
		UnclaimedLeases: func(context.Context) (map[string]time.Duration, error) {
			return map[string]time.Duration{"lookups": 1500 * time.Millisecond}, nil
		},
		MaxSeries: 20_000,
		Series:    func(context.Context) (map[string]int, error) { return map[string]int{"github": 9}, nil },
	}
}

func record(t *testing.T, i *Instruments, facts ...dora.Fact) {
	t.Helper()
	if err := i.Record(facts); err != nil {
		t.Fatal(err)
	}
}

func scrape(t *testing.T, i *Instruments, accept string) string {
	t.Helper()
	handler, err := i.Handler()
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		t.Fatalf("scrape: status %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// families keeps the lines about families whose names begin with one of the prefixes.
func families(text string, prefixes ...string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE ")
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}
