package dora

import (
	"slices"
	"strings"
	"time"
)

// Kind says how the values of a family add up.
type Kind int

// The kinds.
const (
	// Counter only grows; Prometheus type counter.
	Counter Kind = iota
	// Sum adds up like a counter but is published as a gauge, as documented.
	Sum
	// Last is the value of the newest fact by its time; Prometheus type gauge.
	Last
	// Histogram counts observations in buckets; Prometheus type histogram.
	Histogram
)

// Unit is the unit of a fact's value, which is a whole number.
type Unit int

// The units.
const (
	// One counts things.
	One Unit = iota
	// Milliseconds are durations; they are published in seconds.
	Milliseconds
)

// Family is a metric family that facts are about: its documented name in the Prometheus text format, HELP and labels.
type Family struct {
	Name   string
	Help   string
	Kind   Kind
	Unit   Unit
	Labels []string
	// Optional are labels that a series may have besides: they can be switched on and off.
	Optional []string
	// Bounds are the upper bounds of a Histogram's buckets, each inclusive, in the unit and rising; the last bucket, up
	// to infinity, has none.
	Bounds []int64
}

// Redeployment is an optional label of the github_* families: "true" for a deployment of a commit that was running already.
const Redeployment = "redeployment"

// Names of the families.
const (
	DeploymentsTotal               = "github_deployments_total"
	DeploymentsDuration            = "github_deployments_duration"
	DeploymentsDurationSum         = "github_deployments_duration_sum"
	DeploymentsDurationUnavailable = "github_deployments_duration_unavailable_total"
	Incidents                      = "jira_incidents"
	IncidentsDurationSum           = "jira_incidents_duration_sum"
	IncidentsDurationUnavailable   = "jira_incidents_duration_unavailable_total"

	Deployments         = "dora_deployments_total"
	DeploymentTimestamp = "dora_deployment_timestamp_seconds"
	DeploymentRun       = "dora_deployment_run_seconds"
	Changes             = "dora_changes_total"
	LeadTime            = "dora_change_lead_time_seconds"
	LeadTimeStage       = "dora_change_stage_seconds"
	LeadTimeUnavailable = "dora_lead_time_unavailable_total"
	ChangeFailures      = "dora_change_failures_total"
	Recovery            = "dora_failed_deployment_recovery_seconds"
	ReworkDeployments   = "dora_rework_deployments_total"
	IncidentsOpened     = "dora_incidents_opened_total"
	IncidentsOpen       = "dora_incidents_open"
	IncidentRecovery    = "dora_incident_recovery_seconds"

	IncidentRecoveryUnavailable = "dora_incident_recovery_unavailable_total"
)

// Day is a day without regard to daylight saving time.
const Day = 24 * time.Hour

// Bounds of the histograms, in milliseconds.
var (
	runBounds      = milliseconds(time.Second, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
	leadTimeBounds = append(milliseconds(time.Minute, 10, 30, 60, 120, 240, 480, 720), milliseconds(Day, 1, 2, 3, 5, 7, 14, 30, 60, 90)...)
	recoveryBounds = append(milliseconds(time.Minute, 1, 5, 15, 30, 60, 120, 240, 480, 720), milliseconds(Day, 1, 2, 3, 7, 14)...)
)

// milliseconds are so many units in milliseconds.
func milliseconds(unit time.Duration, counts ...int64) []int64 {
	for i := range counts {
		counts[i] *= unit.Milliseconds()
	}
	return counts
}

// Families are all families that facts are about. Names, types, labels and HELP of github_* and jira_* are fixed: a
// published dashboard (grafana.com/grafana/dashboards/20889) reads them.
func Families() []Family {
	deployment, redeployment := []string{"environment", "repo", "status", "team"}, []string{Redeployment}
	incident := []string{"project", "team"}
	scope := []string{"environment", "owner", "repo", "team"}
	cause := append([]string{"cause"}, scope...)
	issue := []string{"priority", "project", "team"}
	return []Family{
		{Name: DeploymentsTotal, Help: "The amount of successful deployments.", Kind: Counter, Unit: One, Labels: deployment, Optional: redeployment},
		{Name: DeploymentsDuration, Help: "The last deployments duration", Kind: Last, Unit: Milliseconds, Labels: deployment, Optional: redeployment},
		{Name: DeploymentsDurationSum, Help: "The last deployments duration sum", Kind: Sum, Unit: Milliseconds, Labels: deployment, Optional: redeployment},
		{
			Name: DeploymentsDurationUnavailable, Kind: Counter, Unit: One,
			Help:   "Deployment statuses that are counted in github_deployments_total and have no duration, by reason.",
			Labels: []string{"environment", "reason", "repo", "status", "team"}, Optional: redeployment,
		},
		{Name: Incidents, Help: "The amount of incidents.", Kind: Counter, Unit: One, Labels: incident},
		{Name: IncidentsDurationSum, Help: "The incidents duration sum", Kind: Sum, Unit: Milliseconds, Labels: incident},
		{
			Name: IncidentsDurationUnavailable, Kind: Counter, Unit: One, Labels: []string{"project", "reason", "team"},
			Help: "Incidents that are counted in jira_incidents and have no duration, by reason.",
		},

		{
			Name: Deployments, Kind: Counter, Unit: One, Labels: []string{"environment", "outcome", "owner", "repo", "team"},
			Help: "Deployments by outcome, each at most once per outcome: success, or failure for a status of failure or error.",
		},
		{Name: DeploymentTimestamp, Help: "Unix time of the newest successful deployment.", Kind: Last, Unit: Milliseconds, Labels: scope},
		{
			Name: DeploymentRun, Help: "Time from the start of a deployment, or its creation if that is not known, to its outcome.",
			Kind: Histogram, Unit: Milliseconds, Labels: scope, Bounds: runBounds,
		},
		{Name: Changes, Help: "Changes that reached the environment for the first time: pull requests, and commits without one.", Kind: Counter, Unit: One, Labels: scope},
		{
			Name: LeadTime, Help: "Time from the first commit of a change to the deployment that brought it to the environment.",
			Kind: Histogram, Unit: Milliseconds, Labels: scope, Bounds: leadTimeBounds,
		},
		{
			Name: LeadTimeStage, Kind: Histogram, Unit: Milliseconds, Labels: []string{"environment", "owner", "repo", "stage", "team"}, Bounds: leadTimeBounds,
			Help: "Stages of the lead time: coding (first commit to pull request), review (to its merge), deploy (to the deployment).",
		},
		{
			Name: LeadTimeUnavailable, Help: "Changes counted in dora_changes_total without a lead time, by reason.",
			Kind: Counter, Unit: One, Labels: []string{"environment", "owner", "reason", "repo", "team"},
		},
		{Name: ChangeFailures, Help: "Failed changes: successful deployments to production that needed repair, each counted once, by cause.", Kind: Counter, Unit: One, Labels: cause},
		{
			Name: Recovery, Help: "Time from a failed change to the deployment or the resolution of the incident that repaired it.",
			Kind: Histogram, Unit: Milliseconds, Labels: scope, Bounds: recoveryBounds,
		},
		{Name: ReworkDeployments, Help: "Unplanned deployments that repaired a failed change, by the cause of the failure.", Kind: Counter, Unit: One, Labels: cause},
		{Name: IncidentsOpened, Help: "Incidents that were opened.", Kind: Counter, Unit: One, Labels: issue},
		{Name: IncidentsOpen, Help: "Incidents that are open.", Kind: Sum, Unit: One, Labels: issue},
		{
			Name: IncidentRecovery, Help: "Time from the creation of an incident to its first resolution.",
			Kind: Histogram, Unit: Milliseconds, Labels: issue, Bounds: recoveryBounds,
		},
		{
			Name: IncidentRecoveryUnavailable, Help: "Resolved incidents without a time in dora_incident_recovery_seconds, by reason.",
			Kind: Counter, Unit: One, Labels: []string{"priority", "project", "reason", "team"},
		},
	}
}

// Scale turns a whole number of the unit into the published value: itself for One, seconds for Milliseconds.
func (u Unit) Scale(n int64) float64 {
	if u == Milliseconds {
		return float64(n) / 1000
	}
	return float64(n)
}

// UpperBounds are the bounds of a Histogram as they are published.
func (f Family) UpperBounds() []float64 {
	bounds := make([]float64, len(f.Bounds))
	for i, b := range f.Bounds {
		bounds[i] = f.Unit.Scale(b)
	}
	return bounds
}

// Group is the first word of a family's name: the families that share one limit.
func (f Family) Group() string {
	group, _, _ := strings.Cut(f.Name, "_")
	return group
}

// Width is how many series a label set of the family takes: families of a group with the same labels are published
// together, such as the count and the sum of durations.
func (f Family) Width() int {
	n := 0
	for _, g := range Families() {
		if g.Group() == f.Group() && slices.Equal(g.Labels, f.Labels) {
			n += g.series()
		}
	}
	return n
}

// series is how many Prometheus has of one label set of the family: a histogram's buckets, the last one, sum and count.
func (f Family) series() int {
	if f.Kind == Histogram {
		return len(f.Bounds) + 3
	}
	return 1
}
