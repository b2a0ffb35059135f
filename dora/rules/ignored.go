package rules

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"dora-exporter/dora"
)

// record returns what is remembered of the deployment that an event of a time is about, or what is to be remembered of it: with the key
// of its repository, and with its environment as it was spelled first there. If the event shows that no dora_* family counts the
// deployment, it remembers that.
//
// Events of one deployment tell more or less about it, and the first one that selects it for deployments.ignore decides for all. While
// another event may still do so, the deployment is counted with its evaluation. What has been counted stays counted.
func (r *Session) record(d dora.Deployment, team string, at time.Time) (dora.DeploymentRecord, error) {
	names := d.Workflows
	if d.Promoted {
		names = nil // they may be of another workflow, which promoted it
	}
	identity, err := r.identify(d, at)
	if err != nil {
		return dora.DeploymentRecord{}, err
	}
	if d.Promoted, err = r.isPromoted(d); err != nil {
		return dora.DeploymentRecord{}, err
	}
	t, known, err := r.History().Deployment(d.Key())
	if err != nil {
		return t, err
	}
	if !known {
		t = dora.DeploymentRecord{Deployment: d, Team: team, Identity: identity}
		if removed, err := r.isDeploymentRemoved(d); err != nil || removed {
			t.Ignored = IgnoredAsRemoved
			return t, err
		}
		t.Workflows = nil // addWorkflows decides
	}
	if t, err = r.ignoreIfSelected(t, d); err != nil {
		return t, err
	}
	if t.Ignored == "" {
		spelling, err := r.spelling(identity, d)
		if err != nil {
			return t, err
		}
		if !known {
			t.Environment = spelling
		}
	}
	return r.addWorkflows(t, names)
}

// isPromoted reports whether a status promoted a deployment to its environment. A payload may not say which one it was created for: what is
// known of the deployment tells, or if storage.retention has removed that, what is known of it in this environment.
func (r *Session) isPromoted(d dora.Deployment) (bool, error) {
	if d.Promoted || d.OriginalEnvironment != "" {
		return d.Promoted, nil
	}
	t, known, err := r.History().Deployment(d.Key())
	if err != nil || known {
		return known && dora.FoldName(t.Environment) != dora.FoldName(d.Environment), err
	}
	removed, err := r.Removal().IsRemoved(dora.SubjectDeployment, d.Key())
	if err != nil || !removed {
		return false, err
	}
	d.Promoted = true
	_, known, err = r.History().Deployment(d.Key())
	return known, err
}

// spelledEnvironment is an environment of a repository, by its key, as an event spells it.
type spelledEnvironment struct {
	repository, name string
	production       bool
}

// spelling returns how the environment of a deployment was spelled first in its repository.
func (r *Session) spelling(repository string, d dora.Deployment) (string, error) {
	e := spelledEnvironment{repository, d.Environment, r.policy.IsProduction(d)}
	spelling, known := r.spellings[e]
	if known {
		return spelling, nil
	}
	spelling, err := r.Repositories().AddEnvironment(e.repository, e.name, e.production)
	if err == nil {
		r.spellings[e] = spelling
	}
	return spelling, err
}

// ignoreIfSelected remembers that no dora_* family counts a deployment if it has not been counted and an event about it shows that a
// rule selects it.
func (r *Session) ignoreIfSelected(t dora.DeploymentRecord, d dora.Deployment) (dora.DeploymentRecord, error) {
	if t.Ignored != "" {
		return t, nil
	}
	by, err := r.ignoredBy(d)
	if err != nil || by == "" {
		return t, err
	}
	counted, err := r.isCounted(t)
	if err != nil || counted {
		return t, err
	}
	return r.ignore(t, by)
}

// ignoredBy returns why no dora_* family counts a deployment, by an event or by the workflows that other events name; empty if one does.
func (r *Session) ignoredBy(d dora.Deployment) (string, error) {
	by := r.policy.IgnoredBy(d)
	if by != "" || !r.policy.IgnoresWorkflows() {
		return by, nil
	}
	records, err := r.recordsOf(d)
	d.Workflows = nil
	for _, t := range records {
		d.Workflows = append(d.Workflows, t.Workflows...)
	}
	if err != nil || len(d.Workflows) == 0 {
		return "", err
	}
	return r.policy.IgnoredBy(d), nil
}

// addWorkflows remembers the workflows that made a deployment. They are those of all environments that statuses have promoted it to, since
// such a status often names none: if it arrived first, a rule may select the deployment there only now.
func (r *Session) addWorkflows(t dora.DeploymentRecord, names []string) (dora.DeploymentRecord, error) {
	isKnown := func(name string) bool { return slices.Contains(t.Workflows, name) }
	added := slices.DeleteFunc(slices.Clone(names), isKnown)
	if len(added) == 0 || !r.policy.IgnoresWorkflows() {
		return t, nil
	}
	t.Workflows = append(t.Workflows, added...)
	if err := r.Deployments().Save(t); err != nil {
		return t, err
	}
	records, err := r.recordsOf(t.Deployment)
	if err != nil {
		return t, err
	}
	for _, other := range records {
		if other.Key() == t.Key() {
			continue
		}
		d := other.Deployment
		d.Workflows = added
		if _, err := r.ignoreIfSelected(other, d); err != nil {
			return t, err
		}
	}
	return t, nil
}

// recordsOf returns what is remembered of a deployment in all environments.
func (r *Session) recordsOf(d dora.Deployment) ([]dora.DeploymentRecord, error) {
	all, err := r.History().Named(dora.Reference{Deployment: d.ID})
	return slices.DeleteFunc(all, func(t dora.DeploymentRecord) bool { return t.Host != d.Host }), err
}

// isCounted reports whether a dora_* family has counted a deployment.
func (r *Session) isCounted(t dora.DeploymentRecord) (bool, error) {
	if t.Shipment != nil {
		return true, nil
	}
	for _, outcome := range []string{dora.Success, dora.Failure} {
		if counted, err := r.Facts().Has(dora.Deployments, dora.OutcomeSubject(t.Key(), outcome)); err != nil || counted {
			return counted, err
		}
	}
	return false, nil
}

// ignore remembers that no dora_* family counts a deployment. Evaluations of it that are pending find that out.
func (r *Session) ignore(t dora.DeploymentRecord, by string) (dora.DeploymentRecord, error) {
	t.Ignored, t.Outcomes, t.Started, t.InProduction = by, nil, time.Time{}, false
	r.logAfterCommit = append(r.logAfterCommit, func(ctx context.Context, l *slog.Logger) {
		l.InfoContext(ctx, "deployment ignored: it counts in github_* only", "environment", dora.LabelValue(t.Environment),
			"repository", dora.LabelValue(t.Repository), "deployment", t.ID, "rule", by)
	})
	return t, r.Deployments().Save(t)
}
