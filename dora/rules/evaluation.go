package rules

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"dora-exporter/dora"
)

// Evaluate makes an evaluation that needs no call of GitHub: of an outcome, an incident or the evidence of a scope.
func (r *Session) Evaluate(e dora.Evaluation) error {
	switch e.Kind {
	case dora.OutcomeEvaluation:
		return r.evaluateOutcome(e)
	case dora.IncidentEvaluation, dora.IssueEvaluation:
		return r.evaluateIncident(e)
	case dora.ScopeEvaluation:
		if err := r.Evaluations().Done(e); err != nil {
			return err
		}
		return r.markFailedChanges(e.Scope)
	}
	return fmt.Errorf("this version does not know evaluations of kind %q", e.Kind)
}

// EvaluateDeployment evaluates a deployment that ships s, compared with the deployment with the key comparedWith. If an event has
// put another deployment between the two meanwhile, the deployment is compared again instead.
func (r *Session) EvaluateDeployment(e dora.Evaluation, comparedWith string, s dora.Shipment) error {
	t, known, err := r.History().Deployment(e.Key)
	if err != nil || !known || t.Ignored != "" {
		return errors.Join(err, r.Evaluations().Done(e), r.markFailedChanges(e.Scope))
	}
	e.Scope = t.Scope() // its repository may have been merged into another one
	previous, _, err := r.History().Previous(t.Scope(), t.Moment())
	if err != nil {
		return err
	}
	if first, _, err := r.Evaluations().First(t.Scope()); err != nil || first.Key != e.Key {
		return errors.Join(err, r.Evaluations().Retry(e)) // an earlier deployment has arrived and is evaluated first
	}
	if previous.Key() != comparedWith {
		e.Due = r.now
		return r.Evaluations().Retry(e)
	}
	if err := r.Evaluations().Done(e); err != nil {
		return err
	}
	if err := r.saveShipment(t, s); err != nil {
		return err
	}
	if e.Failing() {
		if err := r.wakeIncidents(); err != nil {
			return err
		}
	}
	// Earlier successes may have arrived since its statuses were evaluated, as in an outage of GitHub.
	if err := r.addOutcomeEvidence(t); err != nil {
		return err
	}
	if t.Late {
		if err := r.reevaluateNext(dora.Run{DeploymentRecord: t, At: t.Succeeded()}, r.now); err != nil {
			return err
		}
	}
	return r.markFailedChanges(t.Scope())
}

// RetryDeployment makes an evaluation of a deployment again later. Evidence does not wait for it any more once it is failing.
func (r *Session) RetryDeployment(e dora.Evaluation) error {
	if err := r.Evaluations().Retry(e); err != nil || !e.Failing() {
		return err
	}
	return r.markFailedChanges(e.Scope)
}

// reevaluateNext schedules the deployment that follows a run for a comparison with it, unless it had run before: then it is compared
// with what preceded its first run.
func (r *Session) reevaluateNext(run dora.Run, due time.Time) error {
	next, ok, err := r.History().Next(run.Scope(), run.Moment())
	if err != nil || !ok || next.Again() {
		return err
	}
	return r.Evaluations().Add(dora.Evaluation{
		Kind: dora.DeploymentEvaluation, Key: next.Key(), Scope: next.Scope(), At: next.At, ID: next.ID, Due: due, Ripe: due,
	})
}

// SaveOrigins remembers origins of commits of head's repository, by SHA, for good or for as long as storage.retention keeps what no
// deployment ships. ships is what the deployment of head is known to ship.
func (r *Session) SaveOrigins(head dora.Commit, origins map[string]dora.Origin, ships dora.Shipment) error {
	isShipped := map[string]bool{head.SHA: true}
	for _, c := range slices.Concat(ships.Changes, ships.Carriers) {
		for _, name := range c.Names() {
			isShipped[name] = true
		}
	}
	for sha, o := range origins {
		commit := head.At(sha).Key()
		if err := r.Commits().SaveOrigin(commit, o); err != nil {
			return err
		}
		if isShipped[sha] {
			continue
		}
		if err := r.Commits().MarkUnshipped(commit); err != nil {
			return err
		}
	}
	return nil
}
