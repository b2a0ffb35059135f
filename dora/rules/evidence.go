package rules

import "dora-exporter/dora"

// How a deployment to production becomes a failed change.
//
// Evidence is an observation that a deployment needed repair. Each piece is about one deployment, its target, and has a cause and
// the time of the event that shows it: the deployment has a status of failure after its success (status), an incident names it
// (incident) or, with a window, its team opens one soon after it (window), or a later deployment repairs it: by deploying an older
// commit again (rollback), by reverting one of its changes (revert), or by shipping a hotfix (hotfix).
//
// Failed change. A deployment is marked as a failed change once, by its earliest evidence, and the mark is never taken back.
//
// What waits for what. Events arrive in any order, but the marks must not depend on the order. So evidence is only decided on when
// nothing earlier can turn up any more (Session.mustWait): it waits for the deployments and outcomes of its scope that happened
// before it and are not evaluated yet, and for the incidents created before it that may concern the scope. An incident in turn
// waits for the earlier deployments of the repositories that it names, since one of them may be its target
// (Session.waitsForDeployments). Deployments wait for nothing but the earlier deployments of their scope, so there is no circle. Each
// evaluation in a scope decides on the scope's evidence again when it is done; while an incident is waited for, which may turn out
// to concern another scope, a scope evaluation does. Events that arrive later than deployments.settle add what they still can, and
// are counted as late.
//
// Repair. A failed change is repaired when the incident is resolved (incident, window), by the next success (status), or by the
// deployment that is the evidence itself (rollback, revert, hotfix). A repair waits in the same way for an earlier one
// (Session.findRepair).

// deploymentEvidence returns what an evaluated deployment shows about earlier ones: that it rolls back, ships a revert, or ships a
// hotfix.
func deploymentEvidence(p dora.Policy, h dora.History, by dora.DeploymentRecord) ([]dora.Evidence, error) {
	if by.Shipment == nil || FailureReason(by) != "" {
		return nil, nil
	}
	var all []dora.Evidence
	for _, rule := range []func(dora.Policy, dora.History, dora.DeploymentRecord) ([]dora.Evidence, error){rollback, reverts, hotfixes} {
		found, err := rule(p, h, by)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// rollback finds the deployment that by rolls back: by deploys a commit again that is behind the running one or has diverged from
// it. The target is the deployment that followed the latest run of that commit.
func rollback(_ dora.Policy, h dora.History, by dora.DeploymentRecord) ([]dora.Evidence, error) {
	if by.Shipment.Relation != dora.Behind && by.Shipment.Relation != dora.Diverged {
		return nil, nil
	}
	earlierRun, ok, err := h.LatestRun(by.Scope(), by.SHA, by.Moment())
	if err != nil || !ok {
		return nil, err
	}
	target, ok, err := h.Next(by.Scope(), earlierRun.Moment())
	if err != nil || !ok || !target.Moment().Before(by.Moment()) {
		return nil, err
	}
	detail := by.DisplayName() + " deploys " + shortSHA(by.SHA) + " again, which " + earlierRun.DisplayName() + " had deployed before it"
	return []dora.Evidence{evidenceAgainst(target, by, dora.CauseRollback, by.Key(), detail)}, nil
}

// reverts finds the deployments that shipped changes which by reverts. Changes that by is not the first to ship don't count.
func reverts(_ dora.Policy, h dora.History, by dora.DeploymentRecord) ([]dora.Evidence, error) {
	var all []dora.Evidence
	for _, change := range by.Shipment.Changes {
		if first, err := shipsFirst(h, by, change); err != nil || !first {
			if err != nil {
				return nil, err
			}
			continue
		}
		for _, name := range change.Reverts {
			key, isRevert, known, err := h.FirstShipped(by.Scope(), name)
			if err != nil {
				return nil, err
			}
			if !known || isRevert || key == by.Key() {
				continue
			}
			target, ok, err := h.Deployment(key)
			if err != nil {
				return nil, err
			}
			if ok && target.Moment().Before(by.Moment()) {
				detail := change.Name() + " of " + by.DisplayName() + " reverts " + name + ", which " + target.DisplayName() + " brought"
				all = append(all, evidenceAgainst(target, by, dora.CauseRevert, by.Key()+" "+change.Name()+" reverts "+name, detail))
			}
		}
	}
	return all, nil
}

// hotfixes finds the deployment that by repairs with a hotfix, which is the success before it. Changes that by is not the first to
// ship don't count.
func hotfixes(p dora.Policy, h dora.History, by dora.DeploymentRecord) ([]dora.Evidence, error) {
	for _, change := range by.Shipment.Changes {
		if !p.IsHotfix(change) {
			continue
		}
		if first, err := shipsFirst(h, by, change); err != nil || !first {
			if err != nil {
				return nil, err
			}
			continue
		}
		target, ok, err := h.Previous(by.Scope(), by.Moment())
		if err != nil || !ok {
			return nil, err
		}
		detail := change.Name() + " of " + by.DisplayName() + " is a hotfix, by its branch or label"
		return []dora.Evidence{evidenceAgainst(target, by, dora.CauseHotfix, by.Key(), detail)}, nil
	}
	return nil, nil
}

// shipsFirst reports whether no earlier deployment of the scope has shipped a change of a deployment.
func shipsFirst(h dora.History, t dora.DeploymentRecord, c dora.Change) (bool, error) {
	key, _, known, err := h.FirstShipped(t.Scope(), c.Name())
	return !known || key == t.Key(), err
}

func evidenceAgainst(target, by dora.DeploymentRecord, c dora.Cause, name, detail string) dora.Evidence {
	return dora.Evidence{
		Target: target.Key(), Scope: target.Scope(), Cause: c, By: name, At: by.Succeeded(), Detail: detail, Late: target.Late || by.Late,
	}
}

// statusEvidence returns the evidence that a deployment is against itself: a status of failure or error after its success.
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

// incidentEvidence returns what an incident shows. Its target is the newest deployment that it names and that succeeded before it
// was created; with a window, else the newest deployment of its team.
func incidentEvidence(p dora.Policy, h dora.History, i dora.Incident) (dora.Evidence, bool, error) {
	var named []dora.DeploymentRecord
	for _, r := range i.References {
		found, err := h.Named(r)
		if err != nil {
			return dora.Evidence{}, false, err
		}
		named = append(named, found...)
	}
	target, _ := FailedByIncident(i, named)
	cause, detail := dora.CauseIncident, "incident "+i.Name+" names "
	if target.ID == 0 && p.IncidentWindow > 0 {
		newest, err := newestOfTeams(h, i)
		if err != nil {
			return dora.Evidence{}, false, err
		}
		if newest.ID != 0 && !newest.Succeeded().Before(i.Created.Add(-p.IncidentWindow)) {
			target, cause, detail = newest, dora.CauseWindow, "incident "+i.Name+" was opened within "+p.IncidentWindow.String()+" after "
		}
	}
	if target.ID == 0 || i.Created.IsZero() {
		return dora.Evidence{}, false, nil
	}
	return dora.Evidence{
		Target: target.Key(), Scope: target.Scope(), Cause: cause, By: i.Key, At: i.Created, Detail: detail + target.DisplayName(),
		Late: target.Late || i.Late,
	}, true, nil
}

// newestOfTeams returns the newest success in production of an incident's teams before it was created; its zero value if there is none.
func newestOfTeams(h dora.History, i dora.Incident) (newest dora.DeploymentRecord, err error) {
	for _, team := range i.Teams {
		t, ok, err := h.NewestOf(team, i.Created)
		if err != nil {
			return newest, err
		}
		if ok && (newest.ID == 0 || newest.Moment().Before(t.Moment())) {
			newest = t
		}
	}
	return newest, nil
}

func shortSHA(sha string) string { return dora.LabelValue(sha[:min(len(sha), 10)]) }
