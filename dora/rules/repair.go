package rules

import (
	"math"
	"slices"
	"time"

	"dora-exporter/dora"
)

// addRepairs measures the recovery from the failed changes of a scope that have been repaired, and counts the deployments that
// repaired them.
func (r *Session) addRepairs(scope string) error {
	failed, err := r.Evidence().Unrepaired(scope)
	if err != nil {
		return err
	}
	slices.SortFunc(failed, func(a, b dora.FailedChange) int { return a.Compare(b.Evidence) })
	for _, f := range failed {
		by, at, err := r.findRepair(f)
		if err != nil {
			return err
		}
		if at.IsZero() {
			continue
		}
		if err := r.addRepair(repaired(f, by, at), by); err != nil {
			return err
		}
	}
	return nil
}

// repaired returns a failed change that was repaired at a time: by a deployment, or by the resolution of the incident that is its
// evidence.
func repaired(f dora.FailedChange, by dora.DeploymentRecord, at time.Time) dora.FailedChange {
	f.RepairedAt, f.RepairedBy = at, by.Key()
	if !f.Cause.Rework() {
		f.RepairedBy = f.By
	}
	return f
}

// findRepair returns what repairOf does, but a zero time while an earlier repair may still turn up: a resolution of the incident, or
// a success.
func (r *Session) findRepair(f dora.FailedChange) (by dora.DeploymentRecord, at time.Time, err error) {
	if waiting, err := r.Evaluations().IncidentWaits(f.By); err != nil || waiting {
		return by, at, err
	}
	by, at, err = repairOf(r.History(), r.Incidents(), f)
	if err != nil || at.IsZero() || f.Cause != dora.CauseStatus {
		return by, at, err
	}
	if waiting, err := r.Evaluations().OutcomeWaits(f.Scope, at); err != nil || waiting {
		return dora.DeploymentRecord{}, time.Time{}, err
	}
	return by, at, nil
}

// repairOf returns what repaired a failed change and when: the resolution of the incident, the next success of the scope after a
// status of failure, or the run that is the evidence. The time is zero if nothing has repaired it, by is zero for an incident.
func repairOf(h dora.History, incidents Incidents, f dora.FailedChange) (by dora.DeploymentRecord, at time.Time, err error) {
	switch {
	case !f.Cause.Rework():
		i, err := incidents.Get(f.By)
		return by, i.FirstResolved, err
	case f.Cause != dora.CauseStatus:
		by, _, err = h.Deployment(dora.DeploymentOf(f.By))
		return by, f.At, err
	}
	return repairOfStatus(h, f)
}

// repairOfStatus returns the next success of the scope after a status of failure: of another deployment, or of the failed one itself.
func repairOfStatus(h dora.History, f dora.FailedChange) (by dora.DeploymentRecord, at time.Time, err error) {
	next, follows, err := h.Next(f.Scope, dora.Moment{At: f.At, ID: math.MaxInt64})
	if err != nil {
		return by, at, err
	}
	t, _, err := h.Deployment(f.Target)
	if err != nil {
		return by, at, err
	}
	failed, _, err := FailedStatus(h, t)
	if err != nil {
		return by, at, err
	}
	if !failed.At.Equal(f.At) { // a late event has changed what the statuses show now
		failed = dora.Outcome{At: f.At, ID: math.MaxInt64}
	}
	if own, again := t.SuccessAfter(failed); again && (!follows || !own.At.After(next.At)) {
		return t, own.At, nil
	}
	return next.DeploymentRecord, next.At, nil
}

// Incidents returns what is known of incidents by their keys.
type Incidents interface {
	Get(key string) (dora.Incident, error)
}

// addRepair adds the facts about the repair of a failed change and remembers it.
func (r *Session) addRepair(f dora.FailedChange, by dora.DeploymentRecord) error {
	t, known, err := r.History().Deployment(f.Target)
	if err != nil || !known {
		return err
	}
	if _, reason := RecoveryTime(f, t.Succeeded()); reason == "" {
		if err := r.observe(dora.Recovery, t.Labels(), t.Succeeded(), f.RepairedAt, t.ID, dora.RecoverySubject(f.Target)); err != nil {
			return err
		}
	}
	if f.IsRework(by) {
		_, err := r.add(dora.Fact{
			Family: dora.ReworkDeployments, Labels: by.Labels().With("cause", string(f.Cause)), Value: 1,
			At: f.RepairedAt, ID: by.ID, Subject: dora.ReworkSubject(by.Key()),
		})
		if err != nil {
			return err
		}
	}
	return r.Evidence().SaveFailedChange(f)
}
