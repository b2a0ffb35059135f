package rules

import (
	"slices"

	"dora-exporter/dora"
)

// finding is what all events together say of a deployment.
type finding struct {
	dora.Tracked
	// changes are those that reached the environment with it for the first time.
	changes []dora.Change
	// mark says that it turned out bad; nil when it did not.
	mark *dora.Mark
	// repaired is the cause for which it is rework; empty when it is none.
	repaired dora.Cause
}

// findings applies the rules to all records at once, so that it does not matter what came late. Where a deployment was
// compared with another one than the one before it, a change counts where it was shipped first.
func (p Policy) findings(records dora.Records) ([]*finding, error) {
	m := remember(records)
	all, byKey := make([]*finding, 0, len(records.Deployments)), map[string]*finding{}
	for _, t := range records.Deployments {
		f := &finding{Tracked: t}
		all, byKey[t.Key()] = append(all, f), f
	}
	for _, successes := range m.scopes {
		seen := map[string]bool{}
		for _, t := range successes {
			if t.Shipment == nil {
				continue
			}
			for _, c := range t.Shipment.Changes {
				if !seen[c.Name()] {
					seen[c.Name()] = true
					byKey[t.Key()].changes = append(byKey[t.Key()].changes, c)
				}
			}
		}
	}
	evidence, err := p.allEvidence(m, records)
	if err != nil {
		return nil, err
	}
	for _, e := range earliest(evidence) {
		bad, known := byKey[e.Target]
		if !known {
			continue
		}
		bad.mark = &dora.Mark{Evidence: e}
		by, at, err := repairOf(m, m, *bad.mark)
		if err != nil {
			return nil, err
		}
		bad.mark.RepairedAt = at
		if repair, known := byKey[by.Key()]; known && e.Cause.Rework() && repair.repaired == "" {
			repair.repaired = e.Cause
		}
	}
	return all, nil
}

// allEvidence is every piece of evidence, against whatever deployment.
func (p Policy) allEvidence(m *memory, records dora.Records) ([]dora.Evidence, error) {
	var all []dora.Evidence
	for _, t := range records.Deployments {
		if e, found := evidenceOf(t); found {
			all = append(all, e)
		}
		if t.Succeeded().IsZero() {
			continue
		}
		found, err := p.evidenceBy(m, t)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	for _, i := range records.Incidents {
		if !i.Is {
			continue
		}
		e, found, err := p.evidenceFrom(m, i)
		if err != nil {
			return nil, err
		}
		if found {
			all = append(all, e)
		}
	}
	return all, nil
}

// earliest is the piece of evidence that decides about each deployment, in the order of evidence.
func earliest(evidence []dora.Evidence) []dora.Evidence {
	evidence = slices.SortedFunc(slices.Values(evidence), dora.Evidence.Compare)
	decided := map[string]bool{}
	return slices.DeleteFunc(evidence, func(e dora.Evidence) bool {
		again := decided[e.Target]
		decided[e.Target] = true
		return again
	})
}
