package rules

import (
	"slices"

	"dora-exporter/dora"
)

// FailedChanges applies the rules to all deployments and incidents of a history at once, as if every event had come in time.
// It returns the mark of each deployment that failed, with what repaired it, in the order of the evidence.
func FailedChanges(p dora.Policy, h dora.History, incidents Incidents, all dora.Records) ([]dora.FailedChange, error) {
	evidence, err := allEvidence(p, h, all)
	if err != nil {
		return nil, err
	}
	var marks []dora.FailedChange
	for _, e := range earliestByTarget(evidence) {
		m := dora.FailedChange{Evidence: e}
		by, at, err := repairOf(h, incidents, m)
		if err != nil {
			return nil, err
		}
		m.RepairedAt = at
		switch {
		case at.IsZero():
		case e.Cause.Rework():
			m.RepairedBy = by.Key()
		default:
			m.RepairedBy = e.By
		}
		marks = append(marks, m)
	}
	return marks, nil
}

// allEvidence returns every piece of evidence, against whatever deployment.
func allEvidence(p dora.Policy, h dora.History, records dora.Records) ([]dora.Evidence, error) {
	var all []dora.Evidence
	for _, t := range records.Deployments {
		if e, found := statusEvidence(t); found {
			all = append(all, e)
		}
		if t.Succeeded().IsZero() {
			continue
		}
		found, err := deploymentEvidence(p, h, t)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	for _, i := range records.Incidents {
		if !i.IsIncident {
			continue
		}
		e, found, err := incidentEvidence(p, h, i)
		if err != nil {
			return nil, err
		}
		if found {
			all = append(all, e)
		}
	}
	return all, nil
}

// earliestByTarget returns the piece of evidence that decides about each deployment, in the order of evidence.
func earliestByTarget(evidence []dora.Evidence) []dora.Evidence {
	evidence = slices.SortedFunc(slices.Values(evidence), dora.Evidence.Compare)
	decided := map[string]bool{}
	return slices.DeleteFunc(evidence, func(e dora.Evidence) bool {
		again := decided[e.Target]
		decided[e.Target] = true
		return again
	})
}
