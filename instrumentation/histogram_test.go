package instrumentation

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

var (
	scope = dora.Labels{"environment": "production", "owner": "acme", "repo": "web", "team": "Platform"}
	issue = dora.Labels{"priority": "High", "project": "INC", "team": "Platform"}
)

// Six runs: 0 s, 10 s and 10.001 s, an hour and 4 hours, each just in its bucket, and one of 5 hours above all bounds. So up
// to 10 s there are 2, up to 30 s 3, up to 3600 s 4, up to 14400 s 5 of 6. The sum is 10 + 10.001 + 3600 + 14400 + 18000 =
// 36020.001 s.
func TestHandlerServesHistograms(t *testing.T) {
	i := newInstruments(t)
	i.Restore(dora.State{})
	for _, ms := range []int64{0, 10_000, 10_001, 3_600_000, 14_400_000, 18_000_000} {
		record(t, i, dora.Fact{Family: dora.DeploymentRun, Labels: scope, Value: ms})
	}
	want := `# HELP dora_deployment_run_seconds Time from the start of a deployment, or its creation if that is not known, to its outcome.
# TYPE dora_deployment_run_seconds histogram
dora_deployment_run_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="10"} 2
dora_deployment_run_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="30"} 3
dora_deployment_run_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="60"} 3
dora_deployment_run_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="120"} 3
dora_deployment_run_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="300"} 3
dora_deployment_run_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="600"} 3
dora_deployment_run_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="1200"} 3
dora_deployment_run_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="1800"} 3
dora_deployment_run_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="3600"} 4
dora_deployment_run_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="7200"} 4
dora_deployment_run_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="14400"} 5
dora_deployment_run_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="+Inf"} 6
dora_deployment_run_seconds_sum{environment="production",owner="acme",repo="web",team="Platform"} 36020.001
dora_deployment_run_seconds_count{environment="production",owner="acme",repo="web",team="Platform"} 6
`
	if diff := cmp.Diff(want, families(scrape(t, i, ""), "dora_deployment_run_seconds")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Restored are 4 taken over (2 up to 60 s, 2 above 1209600 s, in 2500000.25 s) and 1 of our own (of 70 s); recorded is
// one of 60 s. So up to 60 s there are 3, up to 300 s 4, and 6 in all, in 2500000.25 + 70 + 60 = 2500130.25 s.
func TestRestoredHistogram(t *testing.T) {
	i := newInstruments(t)
	base := dora.Series{
		Labels: issue, Baseline: 2500000.25, Own: 70_000,
		BaselineBuckets: []int64{2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2},
		Buckets:         []int64{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	}
	i.Restore(dora.State{dora.IncidentRecovery: {issue.Key(): base}})
	before := i.State()
	record(t, i, dora.Fact{Family: dora.IncidentRecovery, Labels: issue, Value: 60_000})
	if diff := cmp.Diff(dora.State{dora.IncidentRecovery: {issue.Key(): base}}, before); diff != "" {
		t.Errorf("before: -want +got:\n%s", diff)
	}
	after := base
	after.Own, after.Buckets = 130_000, []int64{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if diff := cmp.Diff(dora.State{dora.IncidentRecovery: {issue.Key(): after}}, i.State()); diff != "" {
		t.Errorf("after: -want +got:\n%s", diff)
	}
	want := `# HELP dora_incident_recovery_seconds Time from the creation of an incident to its first resolution.
# TYPE dora_incident_recovery_seconds histogram
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="60"} 3
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="300"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="900"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="1800"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="3600"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="7200"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="14400"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="28800"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="43200"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="86400"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="172800"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="259200"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="604800"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="1.2096e+06"} 4
dora_incident_recovery_seconds_bucket{priority="High",project="INC",team="Platform",le="+Inf"} 6
dora_incident_recovery_seconds_sum{priority="High",project="INC",team="Platform"} 2.50013025e+06
dora_incident_recovery_seconds_count{priority="High",project="INC",team="Platform"} 6
`
	if diff := cmp.Diff(want, families(scrape(t, i, ""), "dora_incident_recovery_seconds")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The newest deployment's time keeps its milliseconds: 2026-03-02 12:00:00.123 UTC. Of incidents, two were opened and one
// of them was resolved.
func TestHandlerServesGauges(t *testing.T) {
	i := newInstruments(t)
	i.Restore(dora.State{})
	done := time.Date(2026, 3, 2, 12, 0, 0, 123e6, time.UTC)
	record(
		t, i,
		dora.Fact{Family: dora.DeploymentTimestamp, Labels: scope, Value: done.UnixMilli(), At: done, ID: 1},
		dora.Fact{Family: dora.DeploymentTimestamp, Labels: scope, Value: done.UnixMilli() - 1, At: done.Add(-time.Millisecond), ID: 2},
		dora.Fact{Family: dora.IncidentsOpen, Labels: issue, Value: 1},
		dora.Fact{Family: dora.IncidentsOpen, Labels: issue, Value: 1},
		dora.Fact{Family: dora.IncidentsOpen, Labels: issue, Value: -1},
	)
	want := `# HELP dora_deployment_timestamp_seconds Unix time of the newest successful deployment.
# TYPE dora_deployment_timestamp_seconds gauge
dora_deployment_timestamp_seconds{environment="production",owner="acme",repo="web",team="Platform"} 1.772452800123e+09
# HELP dora_incidents_open Incidents that are open.
# TYPE dora_incidents_open gauge
dora_incidents_open{priority="High",project="INC",team="Platform"} 1
`
	if diff := cmp.Diff(want, families(scrape(t, i, ""), "dora_deployment_timestamp", "dora_incidents_open")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := i.State()[dora.DeploymentTimestamp][scope.Key()].Own; got != done.UnixMilli() {
		t.Errorf("the checkpoint gets %d, want %d", got, done.UnixMilli())
	}
}

// A sum of 50,000 lead times of up to 90 days is exact to the millisecond, although seconds in floating point are not.
func TestSumsAreExact(t *testing.T) {
	i := newInstruments(t)
	i.Restore(dora.State{})
	random, want := rand.New(rand.NewPCG(1, 2)), int64(0)
	for range 50 {
		var facts []dora.Fact
		for range 1000 {
			ms := random.Int64N(90 * 24 * time.Hour.Milliseconds())
			want += ms
			facts = append(facts, dora.Fact{Family: dora.LeadTime, Labels: scope, Value: ms}, dora.Fact{Family: dora.DeploymentsDurationSum, Labels: success, Value: ms})
		}
		record(t, i, facts...)
		state := i.State()
		if got := state[dora.LeadTime][scope.Key()].Own; got != want {
			t.Fatalf("the histogram's sum is %d ms, want %d", got, want)
		}
		if got := state[dora.DeploymentsDurationSum][success.Key()].Own; got != want {
			t.Fatalf("the sum is %d ms, want %d", got, want)
		}
	}
}

// A time is exact to the millisecond, although seconds in floating point are not: 2147483648.002 * 1000 gives less than 2147483648002.
func TestTimesAreExact(t *testing.T) {
	i := newInstruments(t)
	i.Restore(dora.State{})
	for _, ms := range []int64{1001, 1_773_414_300_001, 2_147_483_648_002, 2_147_483_648_003} {
		record(t, i, dora.Fact{Family: dora.DeploymentTimestamp, Labels: scope, Value: ms, At: time.UnixMilli(ms), ID: 1})
		if got := i.State()[dora.DeploymentTimestamp][scope.Key()].Own; got != ms {
			t.Errorf("the time is %d ms, want %d", got, ms)
		}
	}
}

// A histogram is served without an observation when it has started, and goes on from there.
func TestHistogramStartsAtZero(t *testing.T) {
	i := newInstruments(t)
	i.Restore(dora.State{})
	start := dora.Fact{Family: dora.Recovery, Labels: scope, Subject: dora.ZeroSubject(scope)}
	observed := dora.Fact{Family: dora.Recovery, Labels: scope, Value: 90_000, Subject: "recovery:h/1"}
	for n, facts := range [][]dora.Fact{{start}, {observed}, {start}, {observed}} {
		record(t, i, facts...)
		count := (n + 1) / 2 // 0, 1, 1, 2
		text := scrape(t, i, "")
		for _, want := range []string{
			fmt.Sprintf(`dora_failed_deployment_recovery_seconds_count{environment="production",owner="acme",repo="web",team="Platform"} %d`, count),
			fmt.Sprintf(`dora_failed_deployment_recovery_seconds_sum{environment="production",owner="acme",repo="web",team="Platform"} %d`, 90*count),
			`dora_failed_deployment_recovery_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="60"} 0`,
			fmt.Sprintf(`dora_failed_deployment_recovery_seconds_bucket{environment="production",owner="acme",repo="web",team="Platform",le="300"} %d`, count),
		} {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("after %d: no %s in\n%s", n, want, families(text, "dora_failed"))
			}
		}
		series := i.State()[dora.Recovery][scope.Key()]
		if _, all := series.Counts(i.families[dora.Recovery]); all != int64(count) {
			t.Errorf("after %d the state has %d observations", n, all)
		}
	}
}
