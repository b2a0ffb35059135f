package instrumentation

import (
	"cmp"

	"dora-exporter/dora"
)

// The scopes of the two groups of instruments.
const (
	factScope = "dora-exporter/facts"
	selfScope = "dora-exporter/own"
)

// instrumentNames are the OpenTelemetry names of the families. The Prometheus exporter of the OpenTelemetry Collector turns
// them back into the names of the dora_* families, by adding units and _total.
// https://opentelemetry.io/docs/specs/semconv/general/naming/
var instrumentNames = map[string]string{
	dora.DeploymentsTotal:               "github.deployments",
	dora.DeploymentsDuration:            "github.deployments.duration",
	dora.DeploymentsDurationSum:         "github.deployments.duration.sum",
	dora.DeploymentsDurationUnavailable: "github.deployments.duration.unavailable",
	dora.Incidents:                      "jira.incidents",
	dora.IncidentsDurationSum:           "jira.incidents.duration.sum",
	dora.IncidentsDurationUnavailable:   "jira.incidents.duration.unavailable",
	dora.Deployments:                    "dora.deployments",
	dora.DeploymentTimestamp:            "dora.deployment.timestamp",
	dora.DeploymentRun:                  "dora.deployment.run",
	dora.Changes:                        "dora.changes",
	dora.LeadTime:                       "dora.change.lead_time",
	dora.LeadTimeStage:                  "dora.change.stage",
	dora.LeadTimeUnavailable:            "dora.lead_time.unavailable",
	dora.ChangeFailures:                 "dora.change.failures",
	dora.Recovery:                       "dora.failed_deployment.recovery",
	dora.ReworkDeployments:              "dora.rework.deployments",
	dora.IncidentsOpened:                "dora.incidents.opened",
	dora.IncidentsOpen:                  "dora.incidents.open",
	dora.IncidentRecovery:               "dora.incident.recovery",
	dora.IncidentRecoveryUnavailable:    "dora.incident.recovery.unavailable",
}

// countUnits are the units of families that count something, as UCUM annotations: the Collector would take a gauge of unit 1
// for a ratio. https://opentelemetry.io/docs/specs/semconv/general/metrics/#instrument-units
var countUnits = map[string]string{
	dora.Deployments:                 "{deployment}",
	dora.Changes:                     "{change}",
	dora.LeadTimeUnavailable:         "{change}",
	dora.ChangeFailures:              "{deployment}",
	dora.ReworkDeployments:           "{deployment}",
	dora.IncidentsOpened:             "{incident}",
	dora.IncidentsOpen:               "{incident}",
	dora.IncidentRecoveryUnavailable: "{incident}",
}

// instrumentUnit returns the unit of a family in UCUM.
func instrumentUnit(f dora.Family) string {
	if f.Unit == dora.Milliseconds {
		return "s"
	}
	return cmp.Or(countUnits[f.Name], "1")
}
