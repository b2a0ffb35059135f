package rules

import (
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// judge marks the deployments of a scope that turned out bad, each once, by its earliest evidence, and measures what
// repaired them. Evidence waits for what may be earlier and has not been looked at yet.
func (r *Session) markFailedChanges(scope string) error {
	evidence, err := r.Evidence().Undecided(scope)
	if err != nil {
		return err
	}
	for _, e := range earliestByTarget(evidence) {
		wait, err := r.mustWait(e)
		if err != nil {
			return err
		}
		if wait {
			break // all that follows is later
		}
		if err := r.addFailedChange(e); err != nil {
			return err
		}
	}
	return r.addRepairs(scope)
}

// mustWait says whether something that may show more about a deployment's scope, and is not after a time, is still to be
// looked at. What is to be looked at in the scope judges again when that is done; for an incident, which may be about another
// scope, the scope looks again later.
func (r *Session) mustWait(e dora.Evidence) (bool, error) {
	first, unsettled, err := r.Evaluations().First(e.Scope)
	if err != nil || unsettled && !first.At.After(e.At) {
		return true, err
	}
	if wait, err := r.Evaluations().OutcomeWaits(e.Scope, e.At); err != nil || wait {
		return true, err
	}
	incidents, err := r.Evaluations().WaitingIncidents(e.At)
	if err != nil {
		return false, err
	}
	for _, s := range incidents {
		concerned, err := r.mayConcern(s.Key, e)
		if err != nil {
			return false, err
		}
		if concerned {
			again := latest(s.Ripe, r.now.Add(time.Second))
			return true, r.Evaluations().Retry(dora.Evaluation{Kind: dora.ScopeEvaluation, Key: e.Scope, Scope: e.Scope, At: farFuture, Due: again, Ripe: again})
		}
	}
	return false, nil
}

// mayConcern says whether an incident that is still to be looked at may be evidence about the scope of another piece. An
// organisation's issues change all the time: if each of them held up every scope, nothing would ever be marked.
func (r *Session) mayConcern(incident string, e dora.Evidence) (bool, error) {
	i, err := r.Incidents().Get(incident)
	if err != nil {
		return false, err
	}
	if !slices.ContainsFunc(i.References, func(ref dora.Reference) bool { return ref.Repository == "" || ref.In(e.Scope) }) {
		bad, known, err := r.History().Deployment(e.Target)
		if err != nil || !known || r.policy.IncidentWindow == 0 || bad.Team != i.Team {
			return false, err
		}
	}
	_, found, err := r.existingEvidence(i)
	return !found, err
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// distant is after every event, so that what has it holds nothing up.
var farFuture = time.UnixMilli(math.MaxInt64 / 4).UTC()

// addFailedChange counts a deployment that turned out bad.
func (r *Session) addFailedChange(e dora.Evidence) error {
	t, known, err := r.History().Deployment(e.Target)
	if err != nil || !known {
		return err
	}
	_, err = r.add(dora.Fact{
		Family: dora.ChangeFailures, Labels: dora.ScopeLabels(t.Deployment, t.Team).With("cause", string(e.Cause)), Value: 1,
		At: e.At, ID: t.ID, Subject: dora.FailureSubject(e.Target),
	})
	if err != nil {
		return err
	}
	r.logFailedChange(t, e)
	return r.Evidence().SaveFailedChange(dora.FailedChange{Evidence: e})
}

// addRepairs measures the recovery of what has been repaired, and counts the deployments that did it.
func (r *Session) addRepairs(scope string) error {
	marks, err := r.Evidence().Unrepaired(scope)
	if err != nil {
		return err
	}
	slices.SortFunc(marks, func(a, b dora.FailedChange) int { return a.Compare(b.Evidence) })
	for _, m := range marks {
		by, at, err := r.findRepair(m)
		if err != nil {
			return err
		}
		if at.IsZero() {
			continue
		}
		m.RepairedAt, m.RepairedBy = at, by.Key()
		if !m.Cause.Rework() {
			m.RepairedBy = m.By
		}
		if err := r.addRepair(m, by); err != nil {
			return err
		}
	}
	return nil
}

// findRepair is what repaired a deployment and when, as repairOf says; nothing while something earlier may still turn up: a
// resolution of the incident, or a success.
func (r *Session) findRepair(m dora.FailedChange) (by dora.DeploymentRecord, at time.Time, err error) {
	if unsettled, err := r.Evaluations().IncidentWaits(m.By); err != nil || unsettled {
		return by, at, err
	}
	by, at, err = repairOf(r.History(), r.Incidents(), m)
	if err != nil || at.IsZero() || m.Cause != dora.CauseStatus {
		return by, at, err
	}
	first, unsettled, err := r.Evaluations().First(m.Scope)
	if err != nil || unsettled && !by.Moment().Before(dora.Moment{At: first.At, ID: first.ID}) {
		return dora.DeploymentRecord{}, time.Time{}, err
	}
	return by, at, nil
}

// repairOf is what repaired a deployment and when: the resolution of the incident, the next success after a failing status,
// or the deployment that is the evidence. The time is zero while nothing has.
func repairOf(h dora.History, incidents Incidents, m dora.FailedChange) (by dora.DeploymentRecord, at time.Time, err error) {
	switch {
	case !m.Cause.Rework():
		i, err := incidents.Get(m.By)
		return by, i.FirstResolved, err
	case m.Cause != dora.CauseStatus:
		by, _, err = h.Deployment(deploymentOf(m.By))
		return by, m.At, err
	}
	by, _, err = h.Next(m.Scope, dora.Moment{At: m.At, ID: math.MaxInt64})
	return by, by.Succeeded(), err
}

// Incidents returns what is known of incidents by their keys.
type Incidents interface {
	Get(key string) (dora.Incident, error)
}

// addRepair adds the facts about a repair.
func (r *Session) addRepair(m dora.FailedChange, by dora.DeploymentRecord) error {
	t, known, err := r.History().Deployment(m.Target)
	if err != nil || !known {
		return err
	}
	if _, reason := RecoveryTime(m, t.Succeeded()); reason == "" {
		if err := r.observe(dora.Recovery, dora.ScopeLabels(t.Deployment, t.Team), t.Succeeded(), m.RepairedAt, t.ID, dora.RecoverySubject(m.Target)); err != nil {
			return err
		}
	}
	if m.Cause.Rework() {
		_, err := r.add(dora.Fact{
			Family: dora.ReworkDeployments, Labels: dora.ScopeLabels(by.Deployment, by.Team).With("cause", string(m.Cause)), Value: 1,
			At: m.RepairedAt, ID: by.ID, Subject: dora.ReworkSubject(by.Key()),
		})
		if err != nil {
			return err
		}
	}
	return r.Evidence().SaveFailedChange(m)
}

// logFailedChange has the log say that a deployment turned out bad.
func (r *Session) logFailedChange(t dora.DeploymentRecord, e dora.Evidence) {
	r.notes = append(r.notes, func(l *slog.Logger) {
		l.Info("a deployment turned out bad", "environment", dora.LabelValue(t.Environment), "repository", dora.LabelValue(t.Repository),
			"team", dora.LabelValue(t.Team), "deployment", t.ID, "cause", e.Cause, "evidence", e.Detail)
	})
}

// deploymentOf is the key of the deployment that a piece of evidence begins with.
func deploymentOf(by string) string {
	key, _, _ := strings.Cut(by, " ")
	return key
}
