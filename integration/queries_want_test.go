package integration

import (
	"fmt"
	"strings"
)

// one is the answer that has no labels.
func one(value float64) answer { return answer{"": value} }

const (
	ofShop  = "owner=acme,repo=shop,team=Checkout"
	ofCart  = "owner=acme,repo=cart,team=Checkout"
	ofIndex = "owner=acme,repo=index,team=Search"
	job     = "instance=a,job=dora-exporter"
)

// Lead times of all repositories a day: 8 up to an hour (3600), 10 more up to a day (86400), 13 more up to a week (604800), 31 in
// all. A percentile lies where its rank falls into a bucket: half is rank 15.5, 7.5 of 10 into the second; 85 % is 26.35 and 95 %
// is 29.45, 8.35 and 11.45 of 13 into the third.
const (
	leadHalf = 3600 + 82800*7.5/10
	lead85   = 86400 + 518400*8.35/13
	lead95   = 86400 + 518400*11.45/13
	// Recoveries a day: 2 up to an hour, 0.5 more up to a day. Rank 1.25 of 2 in the first, 2.125 - 2 of 0.5 in the second.
	recoveryHalf = 1800 + 1800*1.25/2
	recovery85   = 3600 + 82800*0.125/0.5
)

// expectedOfRules are for each window of days: so much a day times the days; ratios and percentiles are the same for all.
func expectedOfRules() map[string]answer {
	all := map[string]answer{
		"DoraExporterDown":        {"instance=b,job=dora-exporter": 0},
		"DoraNoWebhooks":          {"job=other,source=github": 24},
		"DoraBacklogOld":          {job: 2000},
		"DoraDeadLetters":         {job: 2},
		"DoraSignatureFailures":   {job + ",source=github": 30}, // 0.5 × 60
		"DoraUnsignedWebhooks":    {job + ",source=jira": 1},
		"DoraCheckpointOld":       {job: 700},
		"DoraGitHubRateLimitNear": {job: 400}, // of 5000
		"DoraGitHubTokenRefused":  {job: 1},
		"DoraLookupsWaiting":      {job: 5},
		"DoraEvaluationsStuck":    {job: 9000},
		"DoraCatalogGivenUp":      {job: 6},                         // 0.1 × 60
		"DoraSeriesLimitNear":     {"families=github," + job: 0.95}, // 19000 of 20000
		"DoraOTLPFailing":         {job: 30},                        // 2 × 15
		"DoraLateEvents":          {job: 144},                       // 0.1 × 1440
		"DoraPushWithoutReplica":  {"job=dora-exporter": 0},
		"DoraWorkUnclaimed":       {"job=dora-exporter,queue=lookups": 400},
		"DoraStaleScrapes":        {job: 15},                                                  // 1 × 15
		"DoraWebhooksMissing":     {"account=github.com,job=dora-exporter,kind=delivery": 12}, // 0.2 × 60

		"DoraGitHubRepositoryInaccessible": {"instance=b,job=dora-exporter": 2},
	}
	for _, days := range []float64{7, 28, 90} {
		w := fmt.Sprintf("increase%gd", days)
		add := func(metric string, repositories, teams answer) {
			all["team_owner_repo:"+metric+w], all["team:"+metric+w] = repositories, teams
		}
		add("dora_deployments:", answer{ofShop: 10 * days, ofCart: 4 * days, ofIndex: 2 * days}, answer{"team=Checkout": 14 * days, "team=Search": 2 * days})
		add("dora_change_failures:", answer{ofShop: 2 * days, ofCart: 0, ofIndex: 0.5 * days}, answer{"team=Checkout": 2 * days, "team=Search": 0.5 * days})
		add("dora_rework_deployments:", answer{ofShop: days, ofCart: 0, ofIndex: 0.5 * days}, answer{"team=Checkout": days, "team=Search": 0.5 * days})
		add("dora_change_failures_per_deployments:ratio_", answer{ofShop: 0.2, ofCart: 0, ofIndex: 0.25}, answer{"team=Checkout": 2.0 / 14, "team=Search": 0.25})
		add("dora_rework_deployments_per_deployments:ratio_", answer{ofShop: 0.1, ofCart: 0, ofIndex: 0.25}, answer{"team=Checkout": 1.0 / 14, "team=Search": 0.25})
		// shop: rank 10 is the end of the second bucket, 17 is 7 of 10 into the third; cart: within the first; index: in the third.
		// Checkout has 8, 18, 28: rank 14 is 6 of 10 into the second, 23.8 is 5.8 of 10 into the third.
		add("dora_change_lead_time_seconds:p50_",
			answer{ofShop: 86400, ofCart: 1800, ofIndex: 86400 + 518400*0.5}, answer{"team=Checkout": 3600 + 82800*0.6, "team=Search": 86400 + 518400*0.5})
		add("dora_change_lead_time_seconds:p85_",
			answer{ofShop: 86400 + 518400*0.7, ofCart: 3060, ofIndex: 86400 + 518400*0.85}, answer{"team=Checkout": 86400 + 518400*0.58, "team=Search": 86400 + 518400*0.85})
		add("dora_failed_deployment_recovery_seconds:p50_",
			answer{ofShop: 1800 + 1800*0.5, ofIndex: 3600 + 82800*0.5}, answer{"team=Checkout": 1800 + 1800*0.5, "team=Search": 3600 + 82800*0.5})
		add("dora_failed_deployment_recovery_seconds:p85_",
			answer{ofShop: 1800 + 1800*0.85, ofIndex: 3600 + 82800*0.85}, answer{"team=Checkout": 1800 + 1800*0.85, "team=Search": 3600 + 82800*0.85})

		repositories, teams := answer{}, answer{}
		for le, n := range map[string][3]float64{"3600": {0, 8, 0}, "86400": {10, 8, 0}, "604800": {20, 8, 3}, "+Inf": {20, 8, 3}} {
			repositories["le="+le+","+ofShop], repositories["le="+le+","+ofCart], repositories["le="+le+","+ofIndex] = n[0]*days, n[1]*days, n[2]*days
			teams["le="+le+",team=Checkout"], teams["le="+le+",team=Search"] = (n[0]+n[1])*days, n[2]*days
		}
		all["team_owner_repo_le:dora_change_lead_time_seconds_bucket:"+w], all["team_le:dora_change_lead_time_seconds_bucket:"+w] = repositories, teams
		repositories, teams = answer{}, answer{}
		for le, n := range map[string][2]float64{"1800": {0, 0}, "3600": {2, 0}, "86400": {2, 0.5}, "+Inf": {2, 0.5}} {
			repositories["le="+le+","+ofShop], repositories["le="+le+","+ofIndex] = n[0]*days, n[1]*days
			teams["le="+le+",team=Checkout"], teams["le="+le+",team=Search"] = n[0]*days, n[1]*days
		}
		all["team_owner_repo_le:dora_failed_deployment_recovery_seconds_bucket:"+w], all["team_le:dora_failed_deployment_recovery_seconds_bucket:"+w] = repositories, teams
	}
	return all
}

// expectedOfDocuments is what the documented query of a measure gives for the team Checkout.
func expectedOfDocuments(expr string) answer {
	for metric, value := range map[string]float64{
		"sum(increase(dora_deployments":           14,
		"dora_change_lead_time":                   3600 + 82800*0.6,
		"sum(increase(dora_change_failures":       2.0 / 14,
		"dora_failed_deployment_recovery_seconds": 2700,
		"sum(increase(dora_rework":                1.0 / 14,
	} {
		at := strings.Index(expr, metric)
		if at == 0 || at > 0 && strings.HasPrefix(expr, "histogram") {
			return one(value)
		}
	}
	return nil
}

// expectedOfPanels are with the window of 28 days, all teams and repositories, and the environments of production, when so many
// days of the window have had events, and so many of the last seven.
func expectedOfPanels(window, week float64) map[string]answer {
	return map[string]answer{
		"dora: $team":        {"team=Checkout": 1, "team=Search": 1},
		"dora: $repository":  {"repo=shop": 1, "repo=cart": 1, "repo=index": 1},
		"dora: $environment": {"environment=production": 1}, // not staging

		"dora: Deployment frequency/A":            one(16 * window / 28),
		"dora: Lead time for changes/A":           one(leadHalf),
		"dora: Change failure rate/A":             one(2.5 / 16),
		"dora: Failed deployment recovery time/A": one(recoveryHalf),
		"dora: Rework rate/A":                     one(1.5 / 16),

		"dora: Deployments per week by outcome/A": {"outcome=success": 16 * week, "outcome=failure": 2 * week},
		"dora: Lead time percentiles/A":           one(leadHalf),
		"dora: Lead time percentiles/B":           one(lead85),
		"dora: Lead time percentiles/C":           one(lead95),
		// 23 changes a day had 161000, 92000 and 46000 seconds.
		"dora: Lead time by stage/A":          {"stage=coding": 7000, "stage=review": 4000, "stage=deploy": 2000},
		"dora: Changes without a lead time/A": {"reason=not_found": 2 * window, "reason=ignored_author": window},
		"dora: Changes deployed/A":            one(31 * window),
		"dora: Run time of a deployment/A":    one(60 + 240*5.0/13), // 4 of 18 up to 60 s, 13 more up to 300 s: rank 9 is 5 of 13
		"dora: Change failure rate by team/A": {"team=Checkout": 2.0 / 14, "team=Search": 0.25},
		"dora: Failures per week by cause/A":  {"cause=incident": week, "cause=rollback": week, "cause=status": 0.5 * week},
		"dora: Rework per week by cause/A":    {"cause=rollback": week, "cause=status": 0.5 * week},
		"dora: Recovery/A":                    one(recoveryHalf),
		"dora: Recovery/B":                    one(recovery85),
		"dora: Open incidents/A":              one(7),
		"dora: Open incidents by priority/A":  {"priority=High": 4, "priority=Low": 3},
		"dora: Incidents opened per week/A":   {"priority=High": 1.5 * week, "priority=Low": 2 * week},
		"dora: Time to resolve an incident/A": one(3600), // one of two up to an hour
		"dora: Time to resolve an incident/B": one(3600 + 82800*0.7),
		"dora: Measures of each repository/A": {ofShop: 10 * window, ofCart: 4 * window, ofIndex: 2 * window},
		"dora: Measures of each repository/B": {ofShop: 86400, ofCart: 1800, ofIndex: 86400 + 518400*0.5},
		"dora: Measures of each repository/C": {ofShop: 0.2, ofCart: 0, ofIndex: 0.25},
		"dora: Measures of each repository/D": {ofShop: 2700, ofIndex: 45000},
		"dora: Measures of each repository/E": {ofShop: 0.1, ofCart: 0, ofIndex: 0.25},
		"dora: Measures of each repository/F": {ofShop: 1.70e12, ofCart: 1.71e12, ofIndex: 1.72e12},

		"dora-exporter: $instance": {"instance=a": 1},

		"dora-exporter: Up/A":                          one(1),
		"dora-exporter: Version/A":                     {"version=1.2.3": 1},
		"dora-exporter: Oldest delivery waiting/A":     one(2000),
		"dora-exporter: Dead letters/A":                one(2),
		"dora-exporter: GitHub calls left/A":           one(400),
		"dora-exporter: GitHub token/A":                one(1),
		"dora-exporter: Sources without a signature/A": one(1),
		"dora-exporter: Webhooks by result/A": {
			"result=accepted,source=github": 3, "result=duplicate,source=github": 1, "result=unauthorized,source=github": 0.5, "result=accepted,source=jira": 2,
		},
		"dora-exporter: Accepted by event/A":        {"event=deployment_status,source=github": 3, "event=jira:issue_created,source=jira": 2},
		"dora-exporter: Backlog/A":                  one(7),
		"dora-exporter: Age of the oldest/A":        one(2000),
		"dora-exporter: Late events/A":              one(0.5),
		"dora-exporter: Calls by route/A":           {"route=/commits": 7, "route=/pulls": 2},
		"dora-exporter: Calls by status code/A":     {"code=200": 8, "code=403": 1},
		"dora-exporter: Limit and look-ups/A":       one(400),
		"dora-exporter: Limit and look-ups/B":       one(5),
		"dora-exporter: Catalog look-ups/A":         {"result=found": 2},
		"dora-exporter: Catalog look-ups/B":         one(0.1),
		"dora-exporter: Checkpoints written/A":      {"result=ok": 4, "result=error": 1},
		"dora-exporter: Age of the checkpoint/A":    one(700),
		"dora-exporter: OTLP pushes/A":              {"result=error": 2},
		"dora-exporter: Series in use/A":            {"families=github": 0.95, "families=dora": 0.005},
		"dora-exporter: Counted under other/A":      {"families=dora": 1},
		"dora-exporter: Size of the store/A":        {"instance=a": 5e7},
		"dora-exporter: Removed by the retention/A": {"what=facts": 10}, // 2 × 5
		"dora-exporter: Stalled/A":                  {"instance=a": 3},
		"dora-exporter: Memory/A":                   {"instance=a": 1e8},
		"dora-exporter: CPU/A":                      {"instance=a": 0.5},
		"dora-exporter: Goroutines/A":               {"instance=a": 40},
	}
}
