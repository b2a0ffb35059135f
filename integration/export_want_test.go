package integration

import (
	"fmt"
	"time"
)

const ofWeb = "owner=acme,repo=web,team=Platform"

// exportedPanels are what the panels answer on a day of the History of storeHistory, with a window of 28 days. Of the four lead times a day,
// two are in the bucket from 600 to 1800 seconds, and two in that from 3600 to 7200.
func exportedPanels(at time.Time) map[string]answer {
	newest := at.Truncate(24 * time.Hour).Add(-9 * time.Hour) // 15:00 of the day before
	if at.Hour() >= 9 {
		newest = at.Truncate(24 * time.Hour).Add(9 * time.Hour)
	}
	return map[string]answer{
		"dora: $team": {"team=Platform": 1}, "dora: $repository": {"repo=web": 1}, "dora: $environment": {"environment=production": 1},

		"dora: Deployment frequency/A":            one(2),
		"dora: Lead time for changes/A":           one(1800),
		"dora: Change failure rate/A":             one(0.5),
		"dora: Failed deployment recovery time/A": one(2700), // in the middle of 1800 to 3600
		"dora: Rework rate/A":                     one(0.5),

		"dora: Deployments per week by outcome/A": {"outcome=success": 14, "outcome=failure": 7},
		"dora: Lead time percentiles/A":           one(1800),
		"dora: Lead time percentiles/B":           one(3600 + 3600*1.4/2), // rank 3.4 of 4
		"dora: Lead time percentiles/C":           one(3600 + 3600*1.8/2),
		"dora: Lead time by stage/A":              {"stage=coding": 4000, "stage=review": 2000, "stage=deploy": 1000},
		"dora: Changes without a lead time/A":     {"reason=not_found": 28},
		"dora: Changes deployed/A":                one(4 * 28),
		"dora: Run time of a deployment/A":        one(90), // from 60 to 120
		"dora: Change failure rate by team/A":     {"team=Platform": 0.5},
		"dora: Failures per week by cause/A":      {"cause=rollback": 7, "cause=status": 0, "cause=incident": 0, "cause=revert": 0},
		"dora: Rework per week by cause/A":        {"cause=rollback": 7, "cause=status": 0, "cause=revert": 0},
		"dora: Recovery/A":                        one(2700),
		"dora: Recovery/B":                        one(1800 + 1800*0.85),
		"dora: Open incidents/A":                  one(1),
		"dora: Open incidents by priority/A":      {"priority=High": 1},
		"dora: Incidents opened per week/A":       {"priority=High": 7},
		"dora: Time to resolve an incident/A":     one(2700),
		"dora: Time to resolve an incident/B":     one(1800 + 1800*0.85),
		"dora: Measures of each repository/A":     {ofWeb: 56},
		"dora: Measures of each repository/B":     {ofWeb: 1800},
		"dora: Measures of each repository/C":     {ofWeb: 0.5},
		"dora: Measures of each repository/D":     {ofWeb: 2700},
		"dora: Measures of each repository/E":     {ofWeb: 0.5},
		"dora: Measures of each repository/F":     {ofWeb: float64(newest.UnixMilli())},
	}
}

// exportedRules are what the recording rules answer, but for those of buckets.
func exportedRules() map[string]answer {
	all := map[string]answer{}
	for _, days := range []float64{7, 28, 90} {
		for metric, value := range map[string]float64{
			"dora_deployments:increase%gd": 2 * days, "dora_change_failures:increase%gd": days, "dora_rework_deployments:increase%gd": days,
			"dora_change_failures_per_deployments:ratio_increase%gd": 0.5, "dora_rework_deployments_per_deployments:ratio_increase%gd": 0.5,
			"dora_change_lead_time_seconds:p50_increase%gd": 1800, "dora_change_lead_time_seconds:p85_increase%gd": 6120,
			"dora_failed_deployment_recovery_seconds:p50_increase%gd": 2700, "dora_failed_deployment_recovery_seconds:p85_increase%gd": 3330,
		} {
			name := fmt.Sprintf(metric, days)
			all["team_owner_repo:"+name], all["team:"+name] = answer{ofWeb: value}, answer{"team=Platform": value}
		}
	}
	return all
}

// exportedPublished are what queries like those of dashboard 20889 answer, with a window of 28 days.
func exportedPublished() map[string]answer {
	return map[string]answer{
		`sum(increase(github_deployments_total{team="Platform",environment="production",status="success"}[28d]))`:                                one(56),
		`changes(github_deployments_total{repo="web",status="success"}[28d])`:                                                                    one(56),
		`sum(increase(github_deployments_duration_sum{status="success"}[28d])) / sum(increase(github_deployments_total{status="success"}[28d]))`: one(3600),
		`sum(increase(jira_incidents_duration_sum{team="Platform"}[28d])) / sum(increase(jira_incidents{team="Platform"}[28d]))`:                 one(1800),
		`sum(increase(jira_incidents[28d])) / sum(increase(github_deployments_total{environment="production",status="success"}[28d]))`:           one(0.5),
		`sum(increase(github_deployments_total{status="error"}[28d]))`:                                                                           one(0),
	}
}
