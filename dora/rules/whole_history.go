package rules

import (
	"slices"

	"dora-exporter/dora"
)

// FailedChanges applies the rules to all deployments and incidents of a history at once, as if every event had arrived in time.
// It returns the failed changes with what repaired them, in the order of the evidence.
func FailedChanges(p dora.Policy, h dora.History, incidents Incidents, all dora.Records) ([]dora.FailedChange, error) {
	evidence, err := allEvidence(p, h, all)
	if err != nil {
		return nil, err
	}
	var failed []dora.FailedChange
	for _, e := range earliestByTarget(evidence) {
		f, err := failedChange(h, incidents, []dora.Evidence{e})
		if err != nil {
			return nil, err
		}
		failed = append(failed, *f)
	}
	return failed, nil
}

// failedChange returns the failed change that evidence about one deployment makes of it, with what repaired it; nil without evidence.
func failedChange(h dora.History, incidents Incidents, evidence []dora.Evidence) (*dora.FailedChange, error) {
	if len(evidence) == 0 {
		return nil, nil
	}
	f := dora.FailedChange{Evidence: slices.MinFunc(evidence, dora.Evidence.Compare)}
	by, at, err := repairOf(h, incidents, f)
	if err == nil && !at.IsZero() {
		f = repaired(f, by, at)
	}
	return &f, err
}

// evidenceBy returns the evidence that a deployment gives.
func evidenceBy(p dora.Policy, h dora.History, t dora.DeploymentRecord) ([]dora.Evidence, error) {
	if t.Succeeded().IsZero() {
		return nil, nil
	}
	statuses, err := outcomeEvidence(h, t)
	if err != nil {
		return nil, err
	}
	changes, err := deploymentEvidence(p, h, t)
	return append(statuses, changes...), err
}

// evidenceByIncident returns the evidence that an incident gives: one piece or none.
func evidenceByIncident(p dora.Policy, h dora.History, i dora.Incident) ([]dora.Evidence, error) {
	if !i.IsCounted() {
		return nil, nil
	}
	e, found, err := incidentEvidence(p, h, i)
	if err != nil || !found {
		return nil, err
	}
	return []dora.Evidence{e}, nil
}

// allEvidence returns every piece of evidence, against all deployments.
func allEvidence(p dora.Policy, h dora.History, records dora.Records) ([]dora.Evidence, error) {
	var all []dora.Evidence
	for _, t := range records.Deployments {
		found, err := evidenceBy(p, h, t)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	for _, i := range records.Incidents {
		found, err := evidenceByIncident(p, h, i)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// earliestByTarget returns the earliest piece of evidence about each deployment, in the order of evidence.
func earliestByTarget(evidence []dora.Evidence) []dora.Evidence {
	evidence = slices.SortedFunc(slices.Values(evidence), dora.Evidence.Compare)
	decided := map[string]bool{}
	return slices.DeleteFunc(evidence, func(e dora.Evidence) bool {
		again := decided[e.Target]
		decided[e.Target] = true
		return again
	})
}
