package integration

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"dora-exporter/demo"
)

// says is what the events say: the values of all series, by family and labels. first has what each appeared with, of which
// PromQL sees no increase.
type says struct{ values, first map[string]answer }

// labelled are labels as an answer has them.
func labelled(labels ...string) string {
	all := strings.Split(strings.Join(labels, ","), ",")
	slices.Sort(all)
	return strings.Join(all, ",")
}

// add adds to a series, which appears with it when it is not there.
func (s says) add(family, labels string, value float64) {
	if s.values[family] == nil {
		s.values[family], s.first[family] = answer{}, answer{}
	}
	s.values[family][labels] += value
	if _, known := s.first[family][labels]; !known {
		s.first[family][labels] = value
	}
}

// set sets a gauge.
func (s says) set(family, labels string, value float64) {
	s.add(family, labels, 0)
	s.values[family][labels] = value
}

// bounds of the histograms in seconds, as docs/metrics.md has them.
var bounds = map[string][]float64{
	"dora_deployment_run_seconds":             {10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400},
	"dora_change_lead_time_seconds":           leadTimeBounds,
	"dora_change_stage_seconds":               leadTimeBounds,
	"dora_failed_deployment_recovery_seconds": recoveryBounds,
	"dora_incident_recovery_seconds":          recoveryBounds,
}

const days = 24 * 3600

var (
	leadTimeBounds = []float64{
		600, 1800, 3600, 7200, 14400, 28800, 43200,
		1 * days, 2 * days, 3 * days, 5 * days, 7 * days, 14 * days, 30 * days, 60 * days, 90 * days,
	}
	recoveryBounds = []float64{60, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200, 1 * days, 2 * days, 3 * days, 7 * days, 14 * days}
)

// begin starts a histogram without an observation.
func (s says) begin(family, labels string) {
	for _, bound := range bounds[family] {
		s.add(family+"_bucket", labelled(labels, "le="+strconv.FormatFloat(bound, 'g', -1, 64)), 0)
	}
	s.add(family+"_bucket", labelled(labels, "le=+Inf"), 0)
	s.add(family+"_count", labels, 0)
	s.add(family+"_sum", labels, 0)
}

// observe adds an observation to a histogram.
func (s says) observe(family, labels string, from, to time.Time) {
	seconds := to.Sub(from).Seconds()
	for _, bound := range bounds[family] {
		in := 0.0
		if seconds <= bound {
			in = 1
		}
		s.add(family+"_bucket", labelled(labels, "le="+strconv.FormatFloat(bound, 'g', -1, 64)), in)
	}
	s.add(family+"_bucket", labelled(labels, "le=+Inf"), 1)
	s.add(family+"_count", labels, 1)
	s.add(family+"_sum", labels, seconds)
}

// copied is a copy of all values.
func (s says) copied() map[string]answer {
	all := map[string]answer{}
	for family, values := range s.values {
		all[family] = maps.Clone(values)
	}
	return all
}

func (d deployed) documented() string {
	return labelled("environment="+d.Environment, "repo="+d.Repository.Name, "team="+d.project.team)
}

func (d deployed) scope() string { return labelled(d.documented(), "owner=acme") }

// created starts all at 0 that an environment of a repository may count.
func (s says) created(d deployed) {
	for _, state := range []string{"success", "failure", "error"} {
		s.add("github_deployments_total", labelled(d.documented(), "status="+state), 0)
		s.add("github_deployments_duration_sum", labelled(d.documented(), "status="+state), 0)
	}
	s.add("dora_changes_total", d.scope(), 0)
	s.begin("dora_deployment_run_seconds", d.scope())
	s.begin("dora_change_lead_time_seconds", d.scope())
	for _, outcome := range []string{"success", "failure"} {
		s.add("dora_deployments_total", labelled(d.scope(), "outcome="+outcome), 0)
	}
	if d.Environment != "production" {
		return
	}
	s.begin("dora_failed_deployment_recovery_seconds", d.scope())
	for _, stage := range []string{"coding", "review", "deploy"} {
		s.begin("dora_change_stage_seconds", labelled(d.scope(), "stage="+stage))
	}
	for _, cause := range []string{"status", "rollback", "revert", "hotfix"} {
		s.add("dora_rework_deployments_total", labelled(d.scope(), "cause="+cause), 0)
	}
	for _, cause := range []string{"status", "rollback", "revert", "hotfix", "incident", "window"} {
		s.add("dora_change_failures_total", labelled(d.scope(), "cause="+cause), 0)
	}
}

// statusOf counts a status. No deployment of the plan has the same one twice.
func (s says) statusOf(d deployed, state string, at time.Time) {
	labels := labelled(d.documented(), "status="+state)
	s.add("github_deployments_total", labels, 1)
	s.set("github_deployments_duration", labels, at.Sub(d.began).Seconds())
	s.add("github_deployments_duration_sum", labels, at.Sub(d.began).Seconds())
	if state == "in_progress" {
		return
	}
	s.add("dora_deployments_total", labelled(d.scope(), "outcome="+state), 1)
	s.observe("dora_deployment_run_seconds", d.scope(), d.Created.Add(queued), at) // from its in_progress
	if state == "success" {
		s.set("dora_deployment_timestamp_seconds", d.scope(), float64(at.Unix()))
	}
}

// shipped counts a change that a deployment brought for the first time.
func (s says) shipped(d deployed, c *change) {
	s.add("dora_changes_total", d.scope(), 1)
	if c.ignored {
		s.add("dora_lead_time_unavailable_total", labelled(d.scope(), "reason=ignored_author"), 1)
		return
	}
	s.observe("dora_change_lead_time_seconds", d.scope(), c.began, d.at)
	if c.number == 0 {
		return
	}
	s.observe("dora_change_stage_seconds", labelled(d.scope(), "stage=coding"), c.began, c.opened)
	s.observe("dora_change_stage_seconds", labelled(d.scope(), "stage=review"), c.opened, c.merged)
	s.observe("dora_change_stage_seconds", labelled(d.scope(), "stage=deploy"), c.merged, d.at)
}

// repaired counts a deployment that turned out bad until something repaired it: a deployment, which is rework, or the
// resolution of an incident.
func (s says) repaired(bad deployed, cause string, at time.Time) {
	s.add("dora_change_failures_total", labelled(bad.scope(), "cause="+cause), 1)
	s.observe("dora_failed_deployment_recovery_seconds", bad.scope(), bad.at, at)
	if cause != "incident" && cause != "window" {
		s.add("dora_rework_deployments_total", labelled(bad.scope(), "cause="+cause), 1)
	}
}

func (s says) incidentOpened(p *project, i *demo.Issue) {
	labels := labelled("project="+p.jira, "team="+p.team)
	s.add("jira_incidents", labels, 0)
	s.add("jira_incidents_duration_sum", labels, 0)
	s.add("dora_incidents_opened_total", labelled(labels, "priority="+i.Priority), 0) // until it is evaluated
	s.add("dora_incidents_opened_total", labelled(labels, "priority="+i.Priority), 1)
	s.add("dora_incidents_open", labelled(labels, "priority="+i.Priority), 1)
	s.begin("dora_incident_recovery_seconds", labelled(labels, "priority="+i.Priority))
}

func (s says) incidentResolved(p *project, i *demo.Issue) {
	labels := labelled("project="+p.jira, "team="+p.team)
	s.add("jira_incidents", labels, 1)
	s.add("jira_incidents_duration_sum", labels, i.Resolved.Sub(i.Created).Seconds())
	s.add("dora_incidents_open", labelled(labels, "priority="+i.Priority), -1)
	s.observe("dora_incident_recovery_seconds", labelled(labels, "priority="+i.Priority), i.Created, i.Resolved)
}
