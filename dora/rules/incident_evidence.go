package rules

import (
	"time"

	"dora-exporter/dora"
)

const (
	// incidentRetry is how long an incident waits before it looks again for the deployments of a repository that it names.
	incidentRetry = 5 * time.Second
	// maxIncidentRetry is the longest such wait, for deployments that keep failing.
	maxIncidentRetry = time.Minute
)

// evaluateIncident counts that an incident was opened and how long it took, and looks for the deployment that it is evidence against.
func (r *Session) evaluateIncident(evaluation dora.Evaluation) error {
	i, err := r.Incidents().Get(evaluation.Key)
	if err != nil {
		return err
	}
	if !i.IsCounted() {
		return r.Evaluations().Done(evaluation)
	}
	if err := r.countSettled(i); err != nil {
		return err
	}
	e, found, err := r.existingEvidence(i)
	if err != nil {
		return err
	}
	if !found {
		waits, failing, err := r.waitsForDeployments(i, r.mayBecomeReadable(evaluation))
		if err != nil {
			return err
		}
		if waits {
			evaluation.Attempts, evaluation.FailingSince = 0, time.Time{}
			return r.retryIncident(evaluation)
		}
		if e, found, err = r.newEvidence(i, failing && r.mayBecomeReadable(evaluation)); err != nil {
			return err
		}
		if !found && failing {
			evaluation.Attempts++
			if evaluation.FailingSince.IsZero() { // a deployment that is failing may have shipped what it names; nothing waits for the incident
				evaluation.FailingSince = r.now
			}
			return r.retryIncident(evaluation)
		}
	}
	if err := r.Evaluations().Done(evaluation); err != nil || !found {
		return err
	}
	return r.markFailedChanges(e.Scope)
}

// existingEvidence returns the evidence that an earlier evaluation of an incident found: an incident is evidence against one
// deployment.
func (r *Session) existingEvidence(i dora.Incident) (e dora.Evidence, found bool, err error) {
	for _, c := range []dora.Cause{dora.CauseIncident, dora.CauseWindow} {
		if e, found, err = r.Evidence().By(c, i.Key); err != nil || found {
			break
		}
	}
	return e, found, err
}

// newEvidence stores and returns the evidence that an incident is. While it waits for a deployment that may have shipped what it names, the
// newest run of its team is not its target: which one it is would depend on when GitHub answers.
func (r *Session) newEvidence(i dora.Incident, waits bool) (dora.Evidence, bool, error) {
	e, found, err := incidentEvidence(r.policy, r.History(), i)
	if err != nil || !found || waits && e.Cause == dora.CauseWindow {
		return dora.Evidence{}, false, err
	}
	return e, true, r.Evidence().Add(e)
}

// readableWait bounds how long an incident waits for deployments of a repository that may never become readable, if it names a commit without
// its repository, so that this may be any, or has the newest run of its team as a target otherwise. An outage of GitHub does not count: the
// target would depend on how long it was.
const readableWait = time.Hour

// mayBecomeReadable reports whether an incident has waited for less than readableWait since nothing but failing deployments was left.
func (r *Session) mayBecomeReadable(incident dora.Evaluation) bool {
	return incident.FailingSince.IsZero() || !r.now.After(incident.FailingSince.Add(readableWait))
}

// waitsForDeployments reports whether a deployment before the creation of an incident, of a repository that it may name, is not
// evaluated yet: whether there is one that will be, and whether there is one in a scope whose evaluations have come to one that is
// failing. With anyRepository, a reference without a repository may name any.
func (r *Session) waitsForDeployments(i dora.Incident, anyRepository bool) (waits, failing bool, err error) {
	for _, ref := range i.References {
		repositories, err := r.namedBy(ref)
		if err != nil {
			return false, false, err
		}
		if ref.Repository == "" && anyRepository {
			repositories = []string{""}
		}
		for _, repository := range repositories {
			w, f, err := r.Evaluations().RepositoryWaits(repository, i.Created)
			if err != nil {
				return false, false, err
			}
			waits, failing = waits || w, failing || f
		}
	}
	return waits, failing, nil
}

// retryIncident evaluates an incident again a little later, and less and less often the more attempts have failed.
func (r *Session) retryIncident(e dora.Evaluation) error {
	e.Due = r.now.Add(min(incidentRetry<<min(e.Attempts, 10), maxIncidentRetry))
	return r.Evaluations().Retry(e)
}

// wakeIncidents evaluates the incidents that wait for failing evaluations, after one of these was made.
func (r *Session) wakeIncidents() error {
	waiting, err := r.Evaluations().WaitingIncidents(dora.FarFuture)
	if err != nil {
		return err
	}
	for _, e := range waiting {
		if e.FailingSince.IsZero() || !e.Due.After(r.now) {
			continue
		}
		e.Due = r.now
		if err := r.Evaluations().Hasten(e); err != nil {
			return err
		}
	}
	return nil
}

// isLate reports whether an event of an incident arrived after deployments that follow its evidence had been evaluated.
func (r *Session) isLate(i dora.Incident) (bool, error) {
	if _, found, err := r.existingEvidence(i); err != nil || found {
		return false, err
	}
	e, found, err := incidentEvidence(r.policy, r.History(), i)
	if err != nil || !found {
		return false, err
	}
	return r.Deployments().HasEvaluatedAfter(e.Scope, dora.Moment{At: e.At})
}
