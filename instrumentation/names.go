package instrumentation

import "dora-exporter/dora"

// Scopes of the two groups of instruments.
const (
	factScope = "dora-exporter/facts"
	ownScope  = "dora-exporter/own"
)

// instrumentNames are the OpenTelemetry names of the families.
// https://opentelemetry.io/docs/specs/semconv/general/naming/
var instrumentNames = map[string]string{
	dora.DeploymentsTotal:               "github.deployments",
	dora.DeploymentsDuration:            "github.deployments.duration",
	dora.DeploymentsDurationSum:         "github.deployments.duration.sum",
	dora.DeploymentsDurationUnavailable: "github.deployments.duration.unavailable",
	dora.Incidents:                      "jira.incidents",
	dora.IncidentsDurationSum:           "jira.incidents.duration.sum",
}

// instrumentUnit is the unit in UCUM: seconds, or one.
func instrumentUnit(f dora.Family) string {
	if f.Unit == dora.Milliseconds {
		return "s"
	}
	return "1"
}
