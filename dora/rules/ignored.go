package rules

import (
	"log/slog"
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
	identity, err := r.identify(d, at)
	if err != nil {
		return dora.DeploymentRecord{}, err
	}
	t, known, err := r.History().Deployment(d.Key())
	if known && d.OriginalEnvironment == "" && dora.FoldName(t.Environment) != dora.FoldName(d.Environment) {
		d.Promoted = true // the payload does not say so
		t, known, err = r.History().Deployment(d.Key())
	}
	if err != nil || t.Ignored != "" {
		return t, err
	}
	if !known {
		t = dora.DeploymentRecord{Deployment: d, Team: team, Identity: identity}
	}
	by, err := r.ignoredBy(d)
	if err != nil {
		return t, err
	}
	if by != "" {
		if counted, err := r.isCounted(t); err != nil || !counted {
			if err != nil {
				return t, err
			}
			return r.ignore(t, by)
		}
	}
	spelling, err := r.Repositories().AddEnvironment(identity, d.Environment, r.policy.IsProduction(d))
	if !known {
		t.Environment = spelling
	}
	return t, err
}

// ignoredBy returns why no dora_* family counts a deployment; empty if one does.
func (r *Session) ignoredBy(d dora.Deployment) (string, error) {
	if d.Promoted && len(d.Workflows) == 0 {
		own, _, err := r.History().Deployment(dora.DeploymentKey(d.Host, d.ID))
		if err != nil {
			return "", err
		}
		d.Workflows = own.Workflows
	}
	return r.policy.IgnoredBy(d), nil
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
	r.logAfterCommit = append(r.logAfterCommit, func(l *slog.Logger) {
		l.Info("deployment ignored: it counts in github_* only", "environment", dora.LabelValue(t.Environment),
			"repository", dora.LabelValue(t.Repository), "deployment", t.ID, "rule", by)
	})
	return t, r.Deployments().Save(t)
}
