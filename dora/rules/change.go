package rules

import (
	"context"
	"log/slog"
	"slices"

	"dora-exporter/dora"
)

// saveShipment remembers what a deployment ships, counts the changes that reach its environment for the first time, and stores the
// evidence that these are against earlier deployments.
func (r *Session) saveShipment(t dora.DeploymentRecord, s dora.Shipment) error {
	if err := r.removeShipped(t); err != nil {
		return err
	}
	t.Shipment = &s
	if err := r.Deployments().Save(t); err != nil {
		return err
	}
	if err := r.addShipped(t); err != nil {
		return err
	}
	for _, c := range s.Changes {
		if err := r.addChange(t, c); err != nil {
			return err
		}
	}
	evidence, err := deploymentEvidence(r.policy, r.History(), t)
	if err != nil {
		return err
	}
	for _, e := range evidence {
		if err := r.Evidence().Add(e); err != nil {
			return err
		}
	}
	return nil
}

// addShipped stores what a deployment shipped by the names of the changes.
func (r *Session) addShipped(t dora.DeploymentRecord) error {
	named := map[string]bool{}
	for _, c := range t.Shipped() {
		// A commit that several changes have belongs to the first of them.
		names := slices.DeleteFunc(c.Names(), func(name string) bool { return named[name] })
		for _, name := range names {
			named[name] = true
		}
		if err := r.Deployments().AddShipped(t, c, names); err != nil {
			return err
		}
	}
	return nil
}

// removeShipped removes what addShipped stored.
func (r *Session) removeShipped(t dora.DeploymentRecord) error {
	for _, c := range t.Shipped() {
		if err := r.Deployments().RemoveShipped(t, c); err != nil {
			return err
		}
	}
	return nil
}

// stages are the parts of a lead time, in their order.
var stages = [...]string{"coding", "review", "deploy"}

// addChange counts a change that reaches the environment for the first time, and measures how long that took.
func (r *Session) addChange(t dora.DeploymentRecord, c dora.Change) error {
	labels, done := t.Labels(), t.Succeeded()
	subject := dora.ChangeSubject(t.Scope(), c)
	added, err := r.add(dora.Fact{Family: dora.Changes, Labels: labels, Value: 1, At: done, ID: t.ID, Subject: subject})
	if err != nil || !added {
		return err
	}
	ms, reason := LeadTime(r.policy, c, done)
	if reason != "" {
		r.logAfterCommit = append(r.logAfterCommit, func(ctx context.Context, l *slog.Logger) {
			l.InfoContext(ctx, "change has no lead time", "environment", labels["environment"], "repository", labels["repo"], "team", labels["team"],
				"change", dora.LabelValue(c.Name()), "deployment", t.ID, "reason", reason)
		})
		_, err := r.add(dora.Fact{Family: dora.LeadTimeUnavailable, Labels: labels.With("reason", reason), Value: 1, At: done, ID: t.ID, Subject: subject})
		return err
	}
	if _, err := r.add(dora.Fact{Family: dora.LeadTime, Labels: labels, Value: ms, At: done, ID: t.ID, Subject: subject}); err != nil {
		return err
	}
	for _, s := range StageTimes(c, done) {
		if s.Reason != "" {
			continue
		}
		if err := r.observe(dora.LeadTimeStage, labels.With("stage", s.Stage), s.From, s.To, t.ID, dora.StageSubject(subject, s.Stage)); err != nil {
			return err
		}
	}
	return nil
}
