package rules

import (
	"errors"
	"fmt"

	"dora-exporter/dora"
)

// SaveOrigins remembers the origins of commits.
func (r *Session) SaveOrigins(head dora.Commit, learned map[string]dora.Origin) error {
	for sha, o := range learned {
		c := head
		c.SHA = sha
		if err := r.Commits().SaveOrigin(c.Key(), o); err != nil {
			return err
		}
	}
	return nil
}

// EvaluateDeployment settles a deployment, unless another one has arrived meanwhile that comes between it and the one that
// it was compared with: then it is compared again.
func (r *Session) EvaluateDeployment(one dora.Evaluation, comparedWith string, s dora.Shipment) error {
	t, known, err := r.History().Deployment(one.Key)
	if err != nil || !known {
		return errors.Join(err, r.Evaluations().Done(one))
	}
	before, _, err := r.History().Previous(t.Scope(), t.Moment())
	if err != nil {
		return err
	}
	if first, _, err := r.Evaluations().First(t.Scope()); err != nil || first.Key != one.Key {
		return errors.Join(err, r.Evaluations().Retry(one)) // it is looked at after the other one
	}
	if before.Key() != comparedWith {
		one.Due = r.now
		return r.Evaluations().Retry(one)
	}
	if err := r.Evaluations().Done(one); err != nil {
		return err
	}
	if err := r.saveShipment(t, s); err != nil {
		return err
	}
	if t.Late {
		if err := r.reevaluateNext(t); err != nil {
			return err
		}
	}
	return r.markFailedChanges(t.Scope())
}

// reevaluateNext has the deployment that follows a late one compared with it.
func (r *Session) reevaluateNext(t dora.DeploymentRecord) error {
	next, ok, err := r.History().Next(t.Scope(), t.Moment())
	if err != nil || !ok {
		return err
	}
	return r.Evaluations().Add(dora.Evaluation{Kind: dora.DeploymentEvaluation, Key: next.Key(), Scope: next.Scope(), At: next.Succeeded(), ID: next.ID, Due: r.now, Ripe: r.now})
}

// Evaluate looks at something that needs no call.
func (r *Session) Evaluate(one dora.Evaluation) error {
	switch one.Kind {
	case dora.OutcomeEvaluation:
		return r.evaluateOutcome(one)
	case dora.IncidentEvaluation, dora.IssueEvaluation:
		return r.evaluateIncident(one)
	case dora.ScopeEvaluation:
		if err := r.Evaluations().Done(one); err != nil {
			return err
		}
		return r.markFailedChanges(one.Scope)
	}
	return fmt.Errorf("this version does not know %q", one.Kind)
}
