package explain

import (
	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// Unmeasured is a measure that has no value, and why.
type Unmeasured struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// deploymentUnmeasured returns the measures to which a deployment does not contribute. The reasons are those of the rules;
// evaluations are the kinds of evaluations that are pending.
func deploymentUnmeasured(t dora.DeploymentRecord, failed []Evidence, facts []dora.Fact, evaluations map[string]bool) []Unmeasured {
	all := []Unmeasured{}
	add := func(what, code string) { all = append(all, Unmeasured{what, Reason(code)}) }
	reason := rules.ShipmentReason(t)
	switch {
	case reason == rules.ReasonNoOutcome, reason == rules.ReasonIgnored:
		add("the deployment", reason)
	case reason != "":
		add("what it ships", reason)
	case t.Shipment == nil && !evaluations[dora.DeploymentEvaluation]:
		add("what it ships", "")
	}
	for _, of := range []string{dora.Success, dora.Failure} {
		_, reason := rules.RunTime(t, of)
		measured := hasFact(facts, dora.DeploymentRun, dora.OutcomeSubject(t.Key(), of))
		if !measured && !evaluations[dora.OutcomeEvaluation] && reason != rules.ReasonNoOutcome {
			add("its run time", reason)
		}
	}
	for _, f := range facts {
		if f.Family == dora.DeploymentsDurationUnavailable {
			_, key, _ := dora.CutSubject(f.Subject)
			_, id := dora.SplitKey(key)
			add("the duration of status "+id, f.Labels["reason"])
		}
	}
	if reason := rules.FailureReason(t); reason != "" && !t.Succeeded().IsZero() {
		add("whether it is a failed change", reason)
	}
	for _, e := range failed {
		if !e.Counts || e.RepairedAt.IsZero() || hasFact(facts, dora.Recovery, dora.RecoverySubject(t.Key())) {
			continue
		}
		_, reason := rules.RecoveryTime(dora.FailedChange{RepairedAt: e.RepairedAt}, t.Succeeded())
		add("its recovery", reason)
	}
	return all
}

// incidentUnmeasured returns the measures to which an issue does not contribute. named are the deployments that it names;
// evaluating is true if an evaluation of it is pending.
func incidentUnmeasured(i dora.Incident, named []dora.DeploymentRecord, facts []dora.Fact, evidence []Evidence, evaluating bool) []Unmeasured {
	all := []Unmeasured{}
	add := func(what, code string) { all = append(all, Unmeasured{what, Reason(code)}) }
	if i.Key == "" {
		return append(all, Unmeasured{"the issue", "none of its events has been processed"})
	}
	_, reason := rules.IncidentRecoveryTime(i)
	if reason == rules.ReasonNotIncident || reason == rules.ReasonOld {
		return append(all, Unmeasured{"the issue", Reason(reason)})
	}
	recovered := hasFact(facts, dora.IncidentRecovery, dora.IncidentSubject(i.Key))
	if !recovered && (!evaluating || reason == rules.ReasonNotResolved) {
		add("its recovery", reason)
	}
	if evaluating || len(evidence) > 0 {
		return all
	}
	_, reason = rules.FailedByIncident(i, named)
	add("a failed change", reason)
	return all
}
