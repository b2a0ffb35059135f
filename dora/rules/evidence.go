package rules

import (
	"strings"
	"time"

	"dora-exporter/dora"
)

// How a deployment to production becomes a failed change.
//
// Evidence is an observation that a deployment needed repair. Each piece is about one deployment, its target, and has a cause and
// the time of the event that shows it: the deployment has a status of failure while it runs (status), an incident names it
// (incident) or, with a window, its team opens one soon after it (window), or a later deployment repairs it: by deploying an older
// commit again (rollback), by reverting one of its changes (revert), or by shipping a hotfix (hotfix). Statuses alone show the first
// and rollbacks (outcomeEvidence); reverts and hotfixes follow from what a deployment ships (deploymentEvidence).
//
// Failed change. A deployment is marked as a failed change once, by its earliest evidence, and the mark is never taken back.
//
// What waits for what. Events arrive in any order, but the marks must not depend on the order. So evidence is only decided on when
// nothing earlier can turn up any more (Session.mustWait): it waits for the deployments and outcomes of its scope that happened
// before it and are not evaluated yet, and for the incidents created before it that may concern the scope. An incident in turn
// waits for the earlier deployments of the repositories that it names, since one of them may be its target
// (Session.waitsForDeployments). Deployments wait for nothing but the earlier deployments of their scope, and of their repository
// while these have not failed, so there is no circle. Each evaluation in a scope decides on the scope's evidence again when it is
// done; while an incident is waited for, which may turn out to concern another scope, a scope evaluation does. Events that arrive
// later than deployments.settle add what they still can, and are counted as late.
//
// What is failing (dora.Evaluation.Failing) is not waited for, nor what is behind it in its scope: evidence that needs no call
// must not wait for an answer that may never come. Only an incident that has found no target that it names waits for deployments that
// may have shipped what it names, and then nothing waits for the incident.
//
// Repair. A failed change is repaired when the incident is resolved (incident, window), by the next success (status), or by the
// run that is the evidence itself (rollback, revert, hotfix). A repair waits for an earlier one that may still turn up
// (Session.findRepair).

// deploymentEvidence returns what an evaluated deployment shows about earlier ones by what it ships: a revert or a hotfix.
func deploymentEvidence(p dora.Policy, h dora.History, by dora.DeploymentRecord) ([]dora.Evidence, error) {
	if by.Shipment == nil || FailureReason(by) != "" {
		return nil, nil
	}
	all, err := reverts(h, by)
	if err != nil {
		return nil, err
	}
	found, err := hotfixes(p, h, by)
	return append(all, found...), err
}

// reverts finds the deployments that shipped changes which by reverts. Changes that by is not the first to ship don't count.
func reverts(h dora.History, by dora.DeploymentRecord) ([]dora.Evidence, error) {
	var all []dora.Evidence
	undone := undoneChanges(by.Shipment.Changes)
	for i, change := range by.Shipment.Changes {
		if len(change.Reverts) == 0 || undone[i] {
			continue
		}
		first, err := shipsFirst(h, by, change)
		if err != nil {
			return nil, err
		}
		if !first {
			continue
		}
		for _, reverted := range change.Reverts {
			name, err := nameOfReverted(h, by, reverted)
			if err != nil {
				return nil, err
			}
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
				all = append(all, evidenceAgainst(target, by, dora.CauseRevert, dora.RevertBy(by.Key(), change.Name(), name), detail))
			}
		}
	}
	return all, nil
}

// nameOfReverted returns the name of a reverted change. A title stands for a change if it is the only one with it; if there are
// none or several, the title remains, which is the name of none.
func nameOfReverted(h dora.History, by dora.DeploymentRecord, reverted string) (string, error) {
	title, quoted := strings.CutPrefix(reverted, `"`)
	if !quoted {
		return reverted, nil
	}
	changes, err := h.Titled(by.Scope(), strings.TrimSuffix(title, `"`), by.Moment())
	if err != nil || len(changes) != 1 {
		return reverted, err
	}
	return changes[0], nil
}

// hotfixes finds the deployment that by repairs with a hotfix, which is the one that ran before it. Changes that by is not the first to
// ship don't count.
func hotfixes(p dora.Policy, h dora.History, by dora.DeploymentRecord) ([]dora.Evidence, error) {
	for _, change := range by.Shipment.Changes {
		if !p.IsHotfix(change) {
			continue
		}
		first, err := shipsFirst(h, by, change)
		if err != nil {
			return nil, err
		}
		if !first {
			continue
		}
		target, ok, err := h.Previous(by.Scope(), by.Moment())
		if err != nil || !ok {
			return nil, err
		}
		detail := change.Name() + " of " + by.DisplayName() + " is a hotfix, by its branch or label"
		return []dora.Evidence{evidenceAgainst(target.DeploymentRecord, by, dora.CauseHotfix, by.Key(), detail)}, nil
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

// FailedStatus returns the first status of failure or error of a deployment after its success, while it was the newest success of its
// scope; a reason if there is none. On a deployment that another one had replaced, such a status shows nothing.
func FailedStatus(h dora.Runs, t dora.DeploymentRecord) (failed dora.Outcome, reason string, err error) {
	reason = ReasonNoFailure
	var success time.Time
	for _, o := range t.Outcomes {
		if dora.OutcomeOf(o.State) == dora.Success {
			success = o.At
			continue
		}
		if success.IsZero() {
			continue
		}
		next, found, err := h.Next(t.Scope(), dora.Moment{At: success, ID: t.ID})
		if err != nil {
			return failed, "", err
		}
		if !found || !next.At.Before(o.At) {
			return o, "", nil
		}
		reason = ReasonReplaced
	}
	return failed, reason, nil
}

// statusEvidence returns the evidence that a deployment is against itself: a status of failure or error while it ran.
func statusEvidence(h dora.Runs, t dora.DeploymentRecord) ([]dora.Evidence, error) {
	failed, reason, err := FailedStatus(h, t)
	if err != nil || reason != "" || FailureReason(t) != "" {
		return nil, err
	}
	return []dora.Evidence{{
		Target: t.Key(), Scope: t.Scope(), Cause: dora.CauseStatus, By: t.Key(), At: failed.At,
		Detail: t.DisplayName() + " had the status " + dora.LabelValue(failed.State) + " after its success", Late: t.Late || failed.Late,
	}}, nil
}

// outcomeEvidence returns what the statuses of a deployment show, without any call: that it failed after its success, or that it
// takes another deployment back.
func outcomeEvidence(h dora.Runs, t dora.DeploymentRecord) ([]dora.Evidence, error) {
	all, err := statusEvidence(h, t)
	if err != nil {
		return nil, err
	}
	found, err := rollbacks(h, t)
	return append(all, found...), err
}

// incidentEvidence returns what an incident shows. Its target is the newest deployment that it names and that succeeded before it
// was created; with a window, else the newest run of its teams.
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
		if newest.ID != 0 && !newest.At.Before(i.Created.Add(-p.IncidentWindow)) {
			target, cause, detail = newest.DeploymentRecord, dora.CauseWindow, "incident "+i.Name+" was opened within "+p.IncidentWindow.String()+" after "
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

// newestOfTeams returns the newest run in production of an incident's teams before it was created; its zero value if there is none.
func newestOfTeams(h dora.History, i dora.Incident) (newest dora.Run, err error) {
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
