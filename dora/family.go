package dora

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
)

// Unit is what one of a fact's whole numbers stands for.
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
}

// Names of the families.
const (
	DeploymentsTotal               = "github_deployments_total"
	DeploymentsDuration            = "github_deployments_duration"
	DeploymentsDurationSum         = "github_deployments_duration_sum"
	DeploymentsDurationUnavailable = "github_deployments_duration_unavailable_total"
	Incidents                      = "jira_incidents"
	IncidentsDurationSum           = "jira_incidents_duration_sum"
)

// Families are all families that facts are about. Names, types, labels and HELP of the documented ones are fixed: a
// published dashboard (grafana.com/grafana/dashboards/20889) reads them.
func Families() []Family {
	deployment := []string{"environment", "repo", "status", "team"}
	incident := []string{"project", "team"}
	return []Family{
		{DeploymentsTotal, "The amount of successful deployments.", Counter, One, deployment},
		{DeploymentsDuration, "The last deployments duration", Last, Milliseconds, deployment},
		{DeploymentsDurationSum, "The last deployments duration sum", Sum, Milliseconds, deployment},
		{
			DeploymentsDurationUnavailable,
			"Deployment statuses that are counted in github_deployments_total and have no duration, by reason.",
			Counter, One,
			[]string{"environment", "reason", "repo", "status", "team"},
		},
		{Incidents, "The amount of incidents.", Counter, One, incident},
		{IncidentsDurationSum, "The incidents duration sum", Sum, Milliseconds, incident},
	}
}

// Scale turns a whole number of the unit into the published value: itself for One, seconds for Milliseconds.
func (u Unit) Scale(n int64) float64 {
	if u == Milliseconds {
		return float64(n) / 1000
	}
	return float64(n)
}
