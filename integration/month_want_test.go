package integration

import (
	"maps"
	"math"
	"regexp"
	"strings"
)

// lastWeek and allWeeks are the week at whose end a window of the replay begins.
const (
	lastWeek = 3
	allWeeks = 0
)

// increase is how much the series of a family rose from the end of a week on. One that appeared later rose from 0 where it was
// started there, and else from what it appeared with.
func (m *month) increase(family string, since int) answer {
	rose := answer{}
	for labels, value := range m.weeks[4][family] {
		before, known := m.weeks[since][family][labels]
		if !known {
			before = m.first[family][labels]
		}
		rose[labels] = value - before
	}
	return rose
}

// anything is what a value is when the events don't say it. It must not be negative.
var anything = one(math.NaN())

// rules are the answers of the rules. Names have the windows of the delivered ones.
func (m *month) rules(instance string) map[string]answer {
	all := map[string]answer{
		// The month has three wrong signatures in its last week, and nothing else that is worth an alert at its end.
		"DoraSignatureFailures": {instance + ",source=github": wrongSignatures},

		"DoraExporterDown": {}, "DoraNoWebhooks": {}, "DoraBacklogOld": {}, "DoraDeadLetters": {}, "DoraUnsignedWebhooks": {},
		"DoraCheckpointOld": {}, "DoraGitHubRateLimitNear": {}, "DoraGitHubTokenRefused": {}, "DoraLookupsWaiting": {}, "DoraGitHubRepositoryInaccessible": {}, "DoraEvaluationsStuck": {},
		"DoraCatalogGivenUp": {}, "DoraSeriesLimitNear": {}, "DoraOTLPFailing": {}, "DoraLateEvents": {},
		"DoraPushWithoutReplica": {}, "DoraWorkUnclaimed": {}, "DoraStaleScrapes": {}, "DoraWebhooksMissing": {},
	}
	for window, since := range map[string]int{"increase7d": lastWeek, "increase28d": allWeeks, "increase90d": allWeeks} {
		for level, labels := range map[string][]string{"team": {"team"}, "team_owner_repo": {"team", "owner", "repo"}} {
			withBuckets := append([]string{"le"}, labels...)
			deployments := m.increase("dora_deployments_total", since).of("outcome=success", "environment=production").by(labels...)
			failures := m.increase("dora_change_failures_total", since).by(labels...)
			rework := m.increase("dora_rework_deployments_total", since).by(labels...)
			leadTimes := m.increase("dora_change_lead_time_seconds_bucket", since).of("environment=production").by(withBuckets...)
			recoveries := m.increase("dora_failed_deployment_recovery_seconds_bucket", since).by(withBuckets...)
			maps.Copy(all, map[string]answer{
				level + ":dora_deployments:" + window:                                  deployments,
				level + ":dora_change_failures:" + window:                              failures,
				level + ":dora_rework_deployments:" + window:                           rework,
				level + ":dora_change_failures_per_deployments:ratio_" + window:        failures.per(deployments),
				level + ":dora_rework_deployments_per_deployments:ratio_" + window:     rework.per(deployments),
				level + "_le:dora_change_lead_time_seconds_bucket:" + window:           leadTimes,
				level + "_le:dora_failed_deployment_recovery_seconds_bucket:" + window: recoveries,
				level + ":dora_change_lead_time_seconds:p50_" + window:                 leadTimes.quantile(0.5),
				level + ":dora_change_lead_time_seconds:p85_" + window:                 leadTimes.quantile(0.85),
				level + ":dora_failed_deployment_recovery_seconds:p50_" + window:       recoveries.quantile(0.5),
				level + ":dora_failed_deployment_recovery_seconds:p85_" + window:       recoveries.quantile(0.85),
			})
		}
	}
	return all
}

// measures are the answers of the dashboard DORA for all teams, repositories and environments of production. The window is all
// four weeks, which took so many seconds; a week is the last one.
func (m *month) measures(seconds float64) map[string]answer {
	repository := []string{"team", "owner", "repo"}
	of := func(family string) answer { return m.increase(family, allWeeks).of("environment=production") }
	deployments := of("dora_deployments_total").of("outcome=success")
	failures, rework := of("dora_change_failures_total"), of("dora_rework_deployments_total")
	leadTimes, recoveries := of("dora_change_lead_time_seconds_bucket"), of("dora_failed_deployment_recovery_seconds_bucket")
	incidents := m.increase("dora_incident_recovery_seconds_bucket", allWeeks).by("le")
	weekly := func(family, by string) answer {
		return m.increase(family, lastWeek).of("environment=production").by(by)
	}
	end := m.weeks[4]
	return map[string]answer{
		"dora: $team":        {"team=Checkout": 1, "team=Search": 1},
		"dora: $repository":  {"repo=shop": 1, "repo=cart": 1, "repo=index": 1, "repo=wiki": 1, "repo=jobs": 1, "repo=maps": 1},
		"dora: $environment": {"environment=production": 1},

		"dora: Deployment frequency/A":            deployments.by().times(days / seconds),
		"dora: Lead time for changes/A":           leadTimes.by("le").quantile(0.5),
		"dora: Change failure rate/A":             failures.by().per(deployments.by()),
		"dora: Failed deployment recovery time/A": recoveries.by("le").quantile(0.5),
		"dora: Rework rate/A":                     rework.by().per(deployments.by()),

		"dora: Deployments per week by outcome/A": weekly("dora_deployments_total", "outcome"),
		"dora: Lead time percentiles/A":           leadTimes.by("le").quantile(0.5),
		"dora: Lead time percentiles/B":           leadTimes.by("le").quantile(0.85),
		"dora: Lead time percentiles/C":           leadTimes.by("le").quantile(0.95),
		"dora: Lead time by stage/A":              of("dora_change_stage_seconds_sum").by("stage").per(of("dora_change_stage_seconds_count").by("stage")),
		"dora: Changes without a lead time/A":     of("dora_lead_time_unavailable_total").by("reason").positive(),
		"dora: Changes deployed/A":                of("dora_changes_total").by(),
		"dora: Run time of a deployment/A":        of("dora_deployment_run_seconds_bucket").by("le").quantile(0.5),
		"dora: Change failure rate by team/A":     failures.by("team").per(deployments.by("team")),
		"dora: Failures per week by cause/A":      weekly("dora_change_failures_total", "cause"),
		"dora: Rework per week by cause/A":        weekly("dora_rework_deployments_total", "cause"),
		"dora: Recovery/A":                        recoveries.by("le").quantile(0.5),
		"dora: Recovery/B":                        recoveries.by("le").quantile(0.85),
		"dora: Open incidents/A":                  end["dora_incidents_open"].by(),
		"dora: Open incidents by priority/A":      end["dora_incidents_open"].by("priority"),
		"dora: Incidents opened per week/A":       m.increase("dora_incidents_opened_total", lastWeek).by("priority"),
		"dora: Time to resolve an incident/A":     incidents.quantile(0.5),
		"dora: Time to resolve an incident/B":     incidents.quantile(0.85),
		"dora: Measures of each repository/A":     deployments.by(repository...),
		"dora: Measures of each repository/B":     leadTimes.by(append(repository, "le")...).quantile(0.5),
		"dora: Measures of each repository/C":     failures.by(repository...).per(deployments.by(repository...)),
		"dora: Measures of each repository/D":     recoveries.by(append(repository, "le")...).quantile(0.5),
		"dora: Measures of each repository/E":     rework.by(repository...).per(deployments.by(repository...)),
		"dora: Measures of each repository/F":     end["dora_deployment_timestamp_seconds"].of("environment=production").by(repository...).times(1000),
	}
}

// health are the answers of the dashboard DORA exporter, whose rates are those of the last week: what was sent then and which
// calls of GitHub were answered, in so many seconds.
func (m *month) health(address string, sent, calls answer, seconds float64) map[string]answer {
	instance, aMinute := "instance="+address, 60/seconds
	return map[string]answer{
		"dora-exporter: $instance": {instance: 1},

		"dora-exporter: Up/A":                          one(1),
		"dora-exporter: Version/A":                     {"version=dev": 1},
		"dora-exporter: Oldest delivery waiting/A":     one(0),
		"dora-exporter: Dead letters/A":                one(0),
		"dora-exporter: GitHub calls left/A":           one(4999), // what the stand-in says
		"dora-exporter: GitHub token/A":                one(0),
		"dora-exporter: Sources without a signature/A": {},
		"dora-exporter: Webhooks by result/A":          sent.by("source", "result").times(aMinute),
		"dora-exporter: Accepted by event/A":           sent.of("result=accepted").by("source", "event").times(aMinute),
		"dora-exporter: Backlog/A":                     one(0),
		"dora-exporter: Age of the oldest/A":           one(0),
		"dora-exporter: Late events/A":                 one(0),
		"dora-exporter: Calls by route/A":              calls.by("route").times(aMinute),
		"dora-exporter: Calls by status code/A":        calls.by("code").times(aMinute),
		"dora-exporter: Limit and look-ups/A":          one(4999),
		"dora-exporter: Limit and look-ups/B":          one(0),
		"dora-exporter: Catalog look-ups/A":            {}, // the catalog is a list
		"dora-exporter: Catalog look-ups/B":            one(0),
		"dora-exporter: Checkpoints written/A":         {"result=ok": anything[""]},
		"dora-exporter: Age of the checkpoint/A":       anything,
		"dora-exporter: OTLP pushes/A":                 {}, // off
		"dora-exporter: Series in use/A":               m.taken().times(1.0 / 20_000),
		"dora-exporter: Counted under other/A":         {"families=github": 0, "families=jira": 0, "families=dora": 0},
		"dora-exporter: Size of the store/A":           {instance: anything[""]},
		"dora-exporter: Removed by the retention/A":    {"what=deliveries": 0, "what=facts": 0, "what=deployments": 0, "what=incidents": 0},
		"dora-exporter: Stalled/A":                     {instance: anything[""]},
		"dora-exporter: Memory/A":                      {instance: anything[""]},
		"dora-exporter: CPU/A":                         {instance: anything[""]},
		"dora-exporter: Goroutines/A":                  {instance: anything[""]},
	}
}

// taken is how many series there is place for: a set of labels takes one in each family with labels of these names, and as many as
// it has buckets, sum and count in a histogram.
func (m *month) taken() answer {
	width, sets := map[string]float64{}, map[string]answer{}
	for family, values := range m.weeks[4] {
		without := values.by("cause", "environment", "outcome", "owner", "priority", "project", "reason", "repo", "stage", "status", "team")
		first, _, _ := strings.Cut(family, "_")
		var share string // what families share their sets
		for labels := range without {
			share = first + "_" + regexp.MustCompile("=[^,]*").ReplaceAllString(labels, "")
		}
		if sets[share] == nil {
			sets[share] = answer{}
		}
		maps.Copy(sets[share], without)
		width[share] += 1
		if histogram, is := strings.CutSuffix(family, "_bucket"); is {
			width[share] += float64(len(bounds[histogram])) // and the last one, up to infinity
		}
	}
	taken := answer{}
	for share, n := range width {
		first, _, _ := strings.Cut(share, "_")
		taken["families="+first] += n * float64(len(sets[share]))
	}
	return taken
}
