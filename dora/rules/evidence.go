package rules

import "dora-exporter/dora"

// deploymentEvidence is what a settled deployment shows about earlier ones: that it rolls back, ships a revert, or is a hotfix.
func deploymentEvidence(p dora.Policy, h dora.History, x dora.DeploymentRecord) ([]dora.Evidence, error) {
	if x.Shipment == nil || FailureReason(x) != "" {
		return nil, nil
	}
	var all []dora.Evidence
	for _, rule := range []func(dora.Policy, dora.History, dora.DeploymentRecord) ([]dora.Evidence, error){rollback, reverts, hotfixes} {
		found, err := rule(p, h, x)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// rollback: a commit is deployed again that is behind the running one, or has no line to it. It marks what came after the
// commit's latest run.
func rollback(_ dora.Policy, h dora.History, x dora.DeploymentRecord) ([]dora.Evidence, error) {
	if x.Shipment.Relation != dora.Behind && x.Shipment.Relation != dora.Diverged {
		return nil, nil
	}
	before, ok, err := h.LatestRun(x.Scope(), x.SHA, x.Moment())
	if err != nil || !ok {
		return nil, err
	}
	bad, ok, err := h.Next(x.Scope(), before.Moment())
	if err != nil || !ok || !bad.Moment().Before(x.Moment()) {
		return nil, err
	}
	return []dora.Evidence{evidenceAgainst(bad, x, dora.CauseRollback, x.Key(), x.DisplayName()+" deploys "+shortSHA(x.SHA)+" again, which "+before.DisplayName()+" had deployed before it")}, nil
}

// reverts: a change that this deployment brings takes back one that an earlier deployment brought.
func reverts(_ dora.Policy, h dora.History, x dora.DeploymentRecord) ([]dora.Evidence, error) {
	var all []dora.Evidence
	for _, change := range x.Shipment.Changes {
		first, _, known, err := h.FirstShipped(x.Scope(), change.Name())
		if err != nil {
			return nil, err
		}
		if known && first != x.Key() {
			continue
		}
		for _, name := range change.Reverts {
			key, revert, known, err := h.FirstShipped(x.Scope(), name)
			if err != nil {
				return nil, err
			}
			if !known || revert || key == x.Key() {
				continue
			}
			bad, ok, err := h.Deployment(key)
			if err != nil {
				return nil, err
			}
			if ok && bad.Moment().Before(x.Moment()) {
				all = append(all, evidenceAgainst(bad, x, dora.CauseRevert, x.Key()+" "+change.Name()+" reverts "+name,
					change.Name()+" of "+x.DisplayName()+" reverts "+name+", which "+bad.DisplayName()+" brought"))
			}
		}
	}
	return all, nil
}

// hotfixes: a pull request that this deployment brings is called a hotfix. It marks the success before.
func hotfixes(p dora.Policy, h dora.History, x dora.DeploymentRecord) ([]dora.Evidence, error) {
	for _, change := range x.Shipment.Changes {
		if !p.IsHotfix(change) {
			continue
		}
		first, _, known, err := h.FirstShipped(x.Scope(), change.Name())
		if err != nil {
			return nil, err
		}
		if known && first != x.Key() {
			continue
		}
		bad, ok, err := h.Previous(x.Scope(), x.Moment())
		if err != nil || !ok {
			return nil, err
		}
		return []dora.Evidence{evidenceAgainst(bad, x, dora.CauseHotfix, x.Key(), change.Name()+" of "+x.DisplayName()+" is a hotfix, by its branch or label")}, nil
	}
	return nil, nil
}

func evidenceAgainst(bad, by dora.DeploymentRecord, c dora.Cause, name, detail string) dora.Evidence {
	return dora.Evidence{Target: bad.Key(), Scope: bad.Scope(), Cause: c, By: name, At: by.Succeeded(), Detail: detail, Late: bad.Late || by.Late}
}

// statusEvidence is the deployment's own: a status of failure or error after its success.
func statusEvidence(t dora.DeploymentRecord) (dora.Evidence, bool) {
	failed, ok := t.FailedAfter()
	if !ok || FailureReason(t) != "" {
		return dora.Evidence{}, false
	}
	return dora.Evidence{
		Target: t.Key(), Scope: t.Scope(), Cause: dora.CauseStatus, By: t.Key(), At: failed.At,
		Detail: t.DisplayName() + " had the status " + dora.LabelValue(failed.State) + " after its success", Late: t.Late || failed.Late,
	}, true
}

// incidentEvidence is what an incident shows: that the newest deployment which it names, and which was done before it was
// opened, turned out bad; or else, with a window, the newest one of its team.
func incidentEvidence(p dora.Policy, h dora.History, i dora.Incident) (dora.Evidence, bool, error) {
	var named []dora.DeploymentRecord
	for _, r := range i.References {
		found, err := h.Named(r)
		if err != nil {
			return dora.Evidence{}, false, err
		}
		named = append(named, found...)
	}
	bad, _ := FailedByIncident(i, named)
	cause, detail := dora.CauseIncident, "incident "+i.Name+" names "
	if bad.ID == 0 && p.IncidentWindow > 0 {
		t, ok, err := h.NewestOf(i.Team, i.Created)
		if err != nil {
			return dora.Evidence{}, false, err
		}
		if ok && !t.Succeeded().Before(i.Created.Add(-p.IncidentWindow)) {
			bad, cause, detail = t, dora.CauseWindow, "incident "+i.Name+" was opened within "+p.IncidentWindow.String()+" after "
		}
	}
	if bad.ID == 0 || i.Created.IsZero() {
		return dora.Evidence{}, false, nil
	}
	return dora.Evidence{Target: bad.Key(), Scope: bad.Scope(), Cause: cause, By: i.Key, At: i.Created, Detail: detail + bad.DisplayName(), Late: bad.Late || i.Late}, true, nil
}

func shortSHA(sha string) string { return dora.LabelValue(sha[:min(len(sha), 10)]) }
