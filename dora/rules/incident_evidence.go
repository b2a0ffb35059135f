package rules

import (
	"time"

	"dora-exporter/dora"
)

// incidentRetry is how long an incident waits before it looks again for the deployments of a repository that it names.
const incidentRetry = 5 * time.Second

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
		wait, err := r.waitsForDeployments(i, evaluation.Ripe)
		if err != nil {
			return err
		}
		if wait {
			evaluation.Due = r.now.Add(incidentRetry)
			return r.Evaluations().Retry(evaluation)
		}
		if e, found, err = r.newEvidence(i); err != nil {
			return err
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

// newEvidence stores and returns the evidence that an incident is.
func (r *Session) newEvidence(i dora.Incident) (dora.Evidence, bool, error) {
	e, found, err := incidentEvidence(r.policy, r.History(), i)
	if err != nil || !found {
		return e, false, err
	}
	return e, true, r.Evidence().Add(e)
}

// anyRepositoryWait bounds how long an incident that names a commit without its repository waits for all repositories: one of them
// may never become readable.
const anyRepositoryWait = time.Hour

// waitsForDeployments reports whether a deployment before the creation of an incident, of a repository that it may name, is not
// evaluated yet.
func (r *Session) waitsForDeployments(i dora.Incident, ripe time.Time) (bool, error) {
	for _, ref := range i.References {
		repository := "" // any
		if ref.Repository != "" {
			repository = dora.RepositoryName(ref.Owner, ref.Repository)
		} else if r.now.After(ripe.Add(anyRepositoryWait)) {
			continue
		}
		wait, err := r.Evaluations().RepositoryWaits(repository, i.Created)
		if err != nil || wait {
			return wait, err
		}
	}
	return false, nil
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
