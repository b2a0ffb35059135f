package rules

import (
	"errors"
	"slices"

	"dora-exporter/dora"
)

// addOutcome counts the deployment t if the status says how it ended, and schedules its evaluation. A status in_progress says when the
// deployment began to run.
func (r *Session) addOutcome(t dora.DeploymentRecord, s dora.Status, team string, inHistory bool) error {
	d := s.Deployment
	t.InProduction = t.InProduction || r.policy.IsProduction(d)
	if s.State == dora.InProgress {
		return r.saveStart(t, s)
	}
	outcome := dora.OutcomeOf(s.State)
	if outcome == "" {
		return nil
	}
	firstBefore, had := t.First(outcome)
	late, err := r.Deployments().HasEvaluatedAfter(t.Scope(), dora.Moment{At: s.CreatedAt, ID: d.ID})
	if err != nil {
		return err
	}
	if late && !inHistory {
		r.late++
	}
	counted, before := dora.Outcome{ID: s.ID, State: s.State, At: s.CreatedAt, Late: late, InHistory: inHistory, Called: calledIn(d, team, t)}, t
	before.Outcomes = slices.Clone(t.Outcomes)
	if !had && inHistory {
		t.History = append(slices.Clip(t.History), outcome)
	}
	t.AddOutcome(counted)
	first, _ := t.First(outcome)
	newFirst := !had || first != firstBefore
	if called := counted.Called; newFirst && (outcome == dora.Success || t.Succeeded().IsZero()) && called != (dora.Called{}) {
		t.Rename(called)
	}
	if !r.policy.MayBeIgnored(d) {
		if err := r.countOutcome(t, counted); err != nil {
			return err
		}
	}
	newSuccess := outcome == dora.Success && newFirst
	if newSuccess {
		t.Late = late
	}
	if err := r.Deployments().Save(t); err != nil {
		return err
	}
	if newSuccess && t.Shipment != nil { // it shipped earlier than was known
		if err := errors.Join(r.removeShipped(before), r.addShipped(t)); err != nil {
			return err
		}
	}
	if newSuccess {
		err := r.scheduleEvaluation(dora.Evaluation{Kind: dora.DeploymentEvaluation, Key: t.Key(), Scope: t.Scope(), At: first.At, ID: t.ID})
		if err != nil {
			return err
		}
	}
	if outcome == dora.Success {
		if err := r.reconsiderNext(dora.Run{DeploymentRecord: t, At: s.CreatedAt}, late && !newSuccess); err != nil {
			return err
		}
	}
	return r.scheduleEvaluation(dora.Evaluation{Kind: dora.OutcomeEvaluation, Key: t.Key(), Scope: t.Scope(), At: s.CreatedAt, ID: t.ID})
}

// calledIn returns how an event called the repository of the deployment t, if it was renamed or transferred since another one.
func calledIn(d dora.Deployment, team string, t dora.DeploymentRecord) dora.Called {
	if d.RepositoryName() == t.RepositoryName() {
		return dora.Called{}
	}
	return dora.Called{Owner: d.Owner, Repository: d.Repository, Team: team}
}

// reconsiderNext schedules the evaluation of the run that follows one that has just become known, if there is one already: it may take
// the new one back. again is true if the deployment runs again and the following one has been compared with another.
func (r *Session) reconsiderNext(run dora.Run, again bool) error {
	next, ok, err := r.History().Next(run.Scope(), run.Moment())
	if err != nil || !ok {
		return err
	}
	if again {
		if err := r.reevaluateNext(run, r.now.Add(r.policy.Settle)); err != nil {
			return err
		}
	}
	return r.scheduleEvaluation(dora.Evaluation{Kind: dora.OutcomeEvaluation, Key: next.Key(), Scope: next.Scope(), At: next.At, ID: next.ID})
}

// countOutcome counts a deployment once for each outcome, and records the time of each successful status.
func (r *Session) countOutcome(t dora.DeploymentRecord, o dora.Outcome) error {
	outcome := dora.OutcomeOf(o.State)
	_, err := r.add(dora.Fact{
		Family: dora.Deployments, Labels: t.OutcomeLabels(outcome).With("outcome", outcome), Value: 1, At: o.At, ID: t.ID,
		Subject: dora.OutcomeSubject(t.Key(), outcome),
	})
	if err != nil || outcome != dora.Success {
		return err
	}
	labels := t.StatusLabels(o)
	if o.InHistory {
		labels = labels.OfHistory()
	}
	_, err = r.add(dora.Fact{
		Family: dora.DeploymentTimestamp, Labels: labels, Value: o.At.UnixMilli(), At: o.At, ID: t.ID,
		Subject: dora.StatusSubject(t.Host, o.ID),
	})
	return err
}

// saveStart remembers when a deployment began to run. If an outcome has arrived before, the run time may be known only now.
func (r *Session) saveStart(t dora.DeploymentRecord, s dora.Status) error {
	if !t.Started.IsZero() && !s.CreatedAt.Before(t.Started) {
		return nil
	}
	t.Started = s.CreatedAt
	if err := r.Deployments().Save(t); err != nil || len(t.Outcomes) == 0 {
		return err
	}
	return r.scheduleEvaluation(dora.Evaluation{Kind: dora.OutcomeEvaluation, Key: t.Key(), Scope: t.Scope(), At: s.CreatedAt, ID: t.ID})
}

// scheduleEvaluation schedules an evaluation for when late and out-of-order events have had the time to arrive.
func (r *Session) scheduleEvaluation(e dora.Evaluation) error {
	e.Due = r.now.Add(r.policy.Settle)
	e.Ripe = e.Due
	return r.Evaluations().Add(e)
}

// evaluateOutcome counts the outcomes of a deployment that waited for events by which it might be ignored, measures how long it ran
// until each of them, and records what its statuses are evidence of.
func (r *Session) evaluateOutcome(e dora.Evaluation) error {
	if err := r.Evaluations().Done(e); err != nil {
		return err
	}
	t, known, err := r.History().Deployment(e.Key)
	if err != nil || !known {
		return err
	}
	if t.Ignored != "" {
		return r.markFailedChanges(e.Scope)
	}
	isLive := func(o dora.Outcome) bool { return !o.InHistory }
	if slices.ContainsFunc(t.Outcomes, isLive) {
		if err := r.startScopeSeries(t.Deployment, t.Team, e.At); err != nil {
			return err
		}
	}
	for _, o := range t.Outcomes {
		if err := r.countOutcome(t, o); err != nil {
			return err
		}
	}
	for _, outcome := range []string{dora.Success, dora.Failure} {
		if _, reason := RunTime(t, outcome); reason != "" {
			continue
		}
		first, _ := t.First(outcome)
		err := r.observe(dora.DeploymentRun, t.OutcomeLabels(outcome), RunStart(t, first), first.At, t.ID, dora.OutcomeSubject(t.Key(), outcome))
		if err != nil {
			return err
		}
	}
	if err := r.addOutcomeEvidence(t); err != nil {
		return err
	}
	return r.markFailedChanges(t.Scope())
}

// addOutcomeEvidence stores what the statuses of a deployment are evidence of.
func (r *Session) addOutcomeEvidence(t dora.DeploymentRecord) error {
	evidence, err := outcomeEvidence(r.History(), t)
	if err != nil {
		return err
	}
	for _, piece := range evidence {
		if err := r.Evidence().Add(piece); err != nil {
			return err
		}
	}
	return nil
}
