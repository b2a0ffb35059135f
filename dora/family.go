package dora

import (
	"slices"
	"strings"
	"time"
)

// Kind is how the facts of a family make up its values.
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

// Unit is the unit of the values of facts.
type Unit int

// The units.
const (
	// One is the unit of counts.
	One Unit = iota
	// Milliseconds is the unit of durations, which are published in seconds.
	Milliseconds
)

// Family is a metric family that facts are about: its name in the Prometheus text format, HELP, type and labels.
type Family struct {
	Name   string
	Help   string
	Kind   Kind
	Unit   Unit
	Labels []string
	// Bounds are the inclusive upper bounds of a Histogram's buckets in ascending order, in Unit, without +Inf.
	Bounds []int64
}

// Names of the families.
const (
	DeploymentsTotal               = "github_deployments_total"
	DeploymentsDuration            = "github_deployments_duration"
	DeploymentsDurationSum         = "github_deployments_duration_sum"
	DeploymentsDurationUnavailable = "github_deployments_duration_unavailable_total"
	Incidents                      = "jira_incidents"
	IncidentsDurationSum           = "jira_incidents_duration_sum"

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
)

// Day is 24 hours.
const Day = 24 * time.Hour

// Bounds of the histograms, in milliseconds.
var (
	runBounds      = milliseconds(time.Second, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
	leadTimeBounds = append(milliseconds(time.Minute, 10, 30, 60, 120, 240, 480, 720), milliseconds(Day, 1, 2, 3, 5, 7, 14, 30, 60, 90)...)
	recoveryBounds = append(milliseconds(time.Minute, 1, 5, 15, 30, 60, 120, 240, 480, 720), milliseconds(Day, 1, 2, 3, 7, 14)...)
)

// milliseconds converts counts of a unit into milliseconds.
func milliseconds(unit time.Duration, counts ...int64) []int64 {
	for i := range counts {
		counts[i] *= unit.Milliseconds()
	}
	return counts
}

// Families returns all families that facts are about. Names, types, labels and HELP of github_* and jira_* are fixed: a
// published dashboard (grafana.com/grafana/dashboards/20889) reads them.
func Families() []Family {
	deployment := []string{"environment", "repo", "status", "team"}
	incident := []string{"project", "team"}
	scope := []string{"environment", "owner", "repo", "team"}
	cause := append([]string{"cause"}, scope...)
	issue := []string{"priority", "project", "team"}
	return []Family{
		{Name: DeploymentsTotal, Help: "The amount of successful deployments.", Kind: Counter, Unit: One, Labels: deployment},
		{Name: DeploymentsDuration, Help: "The last deployments duration", Kind: Last, Unit: Milliseconds, Labels: deployment},
		{Name: DeploymentsDurationSum, Help: "The last deployments duration sum", Kind: Sum, Unit: Milliseconds, Labels: deployment},
		{
			Name: DeploymentsDurationUnavailable, Kind: Counter, Unit: One,
			Help:   "Deployment statuses that are counted in github_deployments_total and have no duration, by reason.",
			Labels: []string{"environment", "reason", "repo", "status", "team"},
		},
		{Name: Incidents, Help: "The amount of incidents.", Kind: Counter, Unit: One, Labels: incident},
		{Name: IncidentsDurationSum, Help: "The incidents duration sum", Kind: Sum, Unit: Milliseconds, Labels: incident},

		{
			Name: Deployments, Kind: Counter, Unit: One, Labels: []string{"environment", "outcome", "owner", "repo", "team"},
			Help: "Deployments by outcome, each at most once per outcome: success, or failure for a status of failure or error.",
		},
		{Name: DeploymentTimestamp, Help: "When the newest successful deployment was done, in Unix time.", Kind: Last, Unit: Milliseconds, Labels: scope},
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
			Help: "Parts of the lead time: coding (first commit to pull request), review (to its merge), deploy (to the deployment).",
		},
		{
			Name: LeadTimeUnavailable, Help: "Changes that are counted in dora_changes_total and have no lead time, by reason.",
			Kind: Counter, Unit: One, Labels: []string{"environment", "owner", "reason", "repo", "team"},
		},
		{Name: ChangeFailures, Help: "Successful deployments to production that are failed changes, each once, by cause.", Kind: Counter, Unit: One, Labels: cause},
		{
			Name: Recovery, Help: "Time from the success of a failed change to the deployment or the resolution that repaired it.",
			Kind: Histogram, Unit: Milliseconds, Labels: scope, Bounds: recoveryBounds,
		},
		{Name: ReworkDeployments, Help: "Unplanned deployments that were made to repair another one, by the cause of its failure.", Kind: Counter, Unit: One, Labels: cause},
		{Name: IncidentsOpened, Help: "Incidents that were opened.", Kind: Counter, Unit: One, Labels: issue},
		{Name: IncidentsOpen, Help: "Incidents that are open.", Kind: Sum, Unit: One, Labels: issue},
		{
			Name: IncidentRecovery, Help: "Time from the creation of an incident to its first resolution.",
			Kind: Histogram, Unit: Milliseconds, Labels: issue, Bounds: recoveryBounds,
		},
	}
}

// Scale converts a number of the unit into the published value: seconds for Milliseconds.
func (u Unit) Scale(n int64) float64 {
	if u == Milliseconds {
		return float64(n) / 1000
	}
	return float64(n)
}

// UpperBounds returns the published bounds of a Histogram.
func (f Family) UpperBounds() []float64 {
	bounds := make([]float64, len(f.Bounds))
	for i, b := range f.Bounds {
		bounds[i] = f.Unit.Scale(b)
	}
	return bounds
}

// Group returns the first word of the family's name. The families of a group share a limit on series.
func (f Family) Group() string {
	group, _, _ := strings.Cut(f.Name, "_")
	return group
}

// Width returns how many series a label set of the family makes, including the other families of its group with the same labels, such
// as the count and the sum of durations.
func (f Family) Width() int {
	n := 0
	for _, g := range Families() {
		if g.Group() == f.Group() && slices.Equal(g.Labels, f.Labels) {
			n += g.series()
		}
	}
	return n
}

// series returns how many series one label set of the family has: of a histogram, its buckets with +Inf, sum and count.
func (f Family) series() int {
	if f.Kind == Histogram {
		return len(f.Bounds) + 3
	}
	return 1
}
