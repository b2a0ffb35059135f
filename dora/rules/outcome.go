package rules

import (
	"strconv"

	"dora-exporter/dora"
)

// outcome counts a deployment when a status says how it ended, and has it looked at when its neighbours have arrived.
func (r *Session) outcome(s dora.Status, team string) error {
	of := dora.OutcomeOf(s.State)
	if s.State == dora.InProgress {
		return r.runs(s, team)
	}
	if of == "" {
		return nil
	}
	d := s.Deployment
	t, _, err := r.History().Deployment(d.Key())
	if err != nil {
		return err
	}
	before, had := t.First(of)
	if t.ID == 0 {
		t.Deployment, t.Team = d, team
	}
	t.InProduction = t.InProduction || r.policy.IsProduction(d)
	late, err := r.Deployments().HasEvaluatedAfter(t.Scope(), dora.Moment{At: s.CreatedAt, ID: d.ID})
	if err != nil {
		return err
	}
	if late {
		r.late++
	}
	t.AddOutcome(dora.Outcome{ID: s.ID, State: s.State, At: s.CreatedAt, Late: late})
	labels := dora.ScopeLabels(t.Deployment, t.Team)
	subject := "deployment:" + d.Key()
	if _, err := r.add(dora.Fact{Family: dora.Deployments, Labels: labels.With("outcome", of), Value: 1, At: s.CreatedAt, ID: d.ID, Subject: subject + "/" + of}); err != nil {
		return err
	}
	if of == dora.Success {
		_, err := r.add(dora.Fact{
			Family: dora.DeploymentTimestamp, Labels: labels, Value: s.CreatedAt.UnixMilli(), At: s.CreatedAt, ID: d.ID,
			Subject: "deployment_status:" + d.Host + "/" + strconv.FormatInt(s.ID, 10),
		})
		if err != nil {
			return err
		}
	}
	first, _ := t.First(of)
	if of == dora.Success && (!had || first != before) {
		t.Late = late
	}
	if err := r.Deployments().Save(t); err != nil {
		return err
	}
	if of == dora.Success && (!had || first != before) {
		err := r.scheduleEvaluation(dora.Evaluation{Kind: dora.DeploymentEvaluation, Key: t.Key(), Scope: t.Scope(), At: first.At, ID: t.ID})
		if err != nil {
			return err
		}
	}
	return r.scheduleEvaluation(dora.Evaluation{Kind: dora.OutcomeEvaluation, Key: t.Key(), Scope: t.Scope(), At: s.CreatedAt, ID: t.ID})
}

// runs remembers when a deployment began to run.
func (r *Session) runs(s dora.Status, team string) error {
	d := s.Deployment
	t, known, err := r.History().Deployment(d.Key())
	if err != nil || known && !t.Started.IsZero() && !s.CreatedAt.Before(t.Started) {
		return err
	}
	if !known {
		t.Deployment, t.Team, t.InProduction = d, team, r.policy.IsProduction(d)
	}
	t.Started = s.CreatedAt
	return r.Deployments().Save(t)
}

// scheduleEvaluation has something looked at when what belongs to it has had the time to arrive.
func (r *Session) scheduleEvaluation(s dora.Evaluation) error {
	s.Due = r.now.Add(r.policy.Settle)
	s.Ripe = s.Due
	return r.Evaluations().Add(s)
}

// evaluateOutcome measures how long a deployment ran until each of its outcomes, and looks for a failure after its success.
func (r *Session) evaluateOutcome(s dora.Evaluation) error {
	if err := r.Evaluations().Done(s); err != nil {
		return err
	}
	t, known, err := r.History().Deployment(s.Key)
	if err != nil || !known {
		return err
	}
	for _, of := range []string{dora.Success, dora.Failure} {
		if _, reason := RunTime(t, of); reason != "" {
			continue
		}
		first, _ := t.First(of)
		if err := r.observe(dora.DeploymentRun, dora.ScopeLabels(t.Deployment, t.Team), RunStart(t, first), first.At, t.ID, "deployment:"+t.Key()+"/"+of); err != nil {
			return err
		}
	}
	if e, ok := statusEvidence(t); ok {
		if err := r.Evidence().Add(e); err != nil {
			return err
		}
	}
	return r.markFailedChanges(t.Scope())
}
