package report

import (
	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// outcomes applies the rules to all records at once, so that it does not matter which events came late. Where a deployment was
// compared with another one than its predecessor, a change counts where it was shipped first.
func outcomes(p dora.Policy, records dora.Records) ([]*dora.CountedDeployment, error) {
	h := newHistory(records)
	all, byKey := make([]*dora.CountedDeployment, 0, len(records.Deployments)), map[string]*dora.CountedDeployment{}
	for _, t := range records.Deployments {
		d := &dora.CountedDeployment{DeploymentRecord: t}
		all, byKey[t.Key()] = append(all, d), d
	}
	for _, runs := range h.scopes {
		seen := map[string]bool{}
		for _, t := range runs {
			for _, c := range t.Changes() {
				if !seen[c.Name()] {
					seen[c.Name()] = true
					byKey[t.Key()].Changes = append(byKey[t.Key()].Changes, c)
				}
			}
		}
	}
	marks, err := rules.FailedChanges(p, h, h, records)
	if err != nil {
		return nil, err
	}
	for _, m := range marks {
		failed, known := byKey[m.Target]
		if !known {
			continue
		}
		failed.Mark = &m
		if repair, known := byKey[m.RepairedBy]; known && m.IsRework(repair.DeploymentRecord) && repair.Repaired == "" {
			repair.Repaired = m.Cause
		}
	}
	return all, nil
}
