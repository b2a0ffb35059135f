package rules

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"dora-exporter/dora"
)

// markFailedChanges marks the deployments of a scope that are failed changes, each once, by its earliest evidence, and measures
// their repairs. evidence.go explains what evidence waits for.
func (r *Session) markFailedChanges(scope string) error {
	evidence, err := r.undecided(scope)
	if err != nil {
		return err
	}
	for _, e := range earliestByTarget(evidence) {
		wait, err := r.mustWait(e)
		if err != nil {
			return err
		}
		if wait {
			break // the following evidence is later still
		}
		if holds, err := r.stillHolds(e); err != nil {
			return err
		} else if !holds {
			return r.markFailedChanges(scope)
		}
		if err := r.addFailedChange(e); err != nil {
			return err
		}
	}
	return r.addRepairs(scope)
}

// undecided returns the evidence of a scope that is not decided on and waits for no deployment.
func (r *Session) undecided(scope string) ([]dora.Evidence, error) {
	since, found, err := r.Evidence().UndecidedSince(scope)
	if err != nil || !found {
		return nil, err
	}
	until, err := r.evaluatedUntil(scope)
	if err != nil || !since.Before(until) {
		return nil, err
	}
	return r.Evidence().Undecided(scope, until)
}

// evaluatedUntil returns the time of the first deployment of a scope that is not evaluated yet: from then on, a deployment may turn out
// to be earlier evidence. Nothing waits for one whose evaluation fails, nor for those behind it.
func (r *Session) evaluatedUntil(scope string) (time.Time, error) {
	first, waiting, err := r.Evaluations().First(scope)
	if err != nil || !waiting || first.Failing() {
		return dora.FarFuture, err
	}
	return first.At, nil
}

// mustWait reports whether an outcome or an incident that is not evaluated yet may turn out to be earlier evidence in the scope of e. It does
// not wait for an incident that fails. If it waits for an incident, it schedules an evaluation of the scope: the incident's own evaluation
// causes none if it concerns another scope.
func (r *Session) mustWait(e dora.Evidence) (bool, error) {
	if wait, err := r.Evaluations().OutcomeWaits(e.Scope, e.At); err != nil || wait {
		return true, err
	}
	incidents, err := r.Evaluations().WaitingIncidents(e.At)
	if err != nil {
		return false, err
	}
	for _, incident := range incidents {
		if !incident.FailingSince.IsZero() {
			continue
		}
		mayConcern, err := r.mayConcern(incident.Key, e)
		if err != nil {
			return false, err
		}
		if mayConcern {
			again := latest(incident.Ripe, r.now.Add(time.Second))
			return true, r.Evaluations().Add(dora.Evaluation{ // another replica may be making one; Retry would fail then
				Kind: dora.ScopeEvaluation, Key: e.Scope, Scope: e.Scope, At: dora.FarFuture, Due: again, Ripe: again, // delays nothing
			})
		}
	}
	return false, nil
}

// stillHolds reports whether the statuses still show a piece of evidence that followed from them: earlier successes may have arrived
// while it waited. If not, it replaces the piece by what they show now.
func (r *Session) stillHolds(e dora.Evidence) (bool, error) {
	if e.Cause != dora.CauseStatus && e.Cause != dora.CauseRollback {
		return true, nil
	}
	t, _, err := r.History().Deployment(dora.DeploymentOf(e.By))
	if err != nil {
		return false, err
	}
	now, err := outcomeEvidence(r.History(), t)
	if err != nil {
		return false, err
	}
	same := func(n dora.Evidence) bool {
		return n.Cause == e.Cause && n.By == e.By && n.Target == e.Target && n.At.Equal(e.At)
	}
	if slices.ContainsFunc(now, same) {
		return true, nil
	}
	if err := r.Evidence().Remove(e.Cause, e.By); err != nil {
		return false, err
	}
	return false, r.addOutcomeEvidence(t)
}

// mayConcern reports whether an incident that is not evaluated yet may be evidence in the scope of e. An organization's issues change
// all the time: if each of them delayed every scope, nothing would ever be marked.
func (r *Session) mayConcern(incident string, e dora.Evidence) (bool, error) {
	i, err := r.Incidents().Get(incident)
	if err != nil {
		return false, err
	}
	named, err := r.mayName(i, dora.RepositoryOf(e.Scope))
	if err != nil {
		return false, err
	}
	if !named {
		target, known, err := r.History().Deployment(e.Target)
		if err != nil || !known || r.policy.IncidentWindow == 0 || !slices.Contains(i.Teams, target.Team) {
			return false, err
		}
	}
	_, found, err := r.existingEvidence(i)
	return !found, err
}

// mayName reports whether an incident names a repository, by its key, or something of a repository that it does not name.
func (r *Session) mayName(i dora.Incident, repository string) (bool, error) {
	for _, ref := range i.References {
		keys, err := r.namedBy(ref)
		if err != nil || ref.Repository == "" || slices.Contains(keys, repository) {
			return err == nil, err
		}
	}
	return false, nil
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// addFailedChange marks the target of a piece of evidence as a failed change and counts it.
func (r *Session) addFailedChange(e dora.Evidence) error {
	t, known, err := r.History().Deployment(e.Target)
	if err != nil || !known {
		return err
	}
	_, err = r.add(dora.Fact{
		Family: dora.ChangeFailures, Labels: t.Labels().With("cause", string(e.Cause)), Value: 1,
		At: e.At, ID: t.ID, Subject: dora.FailureSubject(e.Target),
	})
	if err != nil {
		return err
	}
	r.logAfterCommit = append(r.logAfterCommit, func(ctx context.Context, l *slog.Logger) {
		l.InfoContext(ctx, "deployment marked as a failed change", "environment", dora.LabelValue(t.Environment), "repository", dora.LabelValue(t.Repository),
			"team", dora.LabelValue(t.Team), "deployment", t.ID, "cause", e.Cause, "evidence", e.Detail)
	})
	return r.Evidence().SaveFailedChange(dora.FailedChange{Evidence: e})
}
