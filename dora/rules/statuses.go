package rules

import (
	"slices"

	"dora-exporter/dora"
)

// isKnownStatus reports whether a status was counted before, and remembers it. Its number tells; a history that is read in bulk does not
// have the numbers of statuses, so these are the same as others of the deployment with the same state and time. As many count as
// there are on the side that has more: a status with a number is one of those without, each of which stands for one.
//
// Nothing is remembered of a deployment that storage.retention has removed. What a history tells of it was counted before, and so were the
// statuses of one without an outcome that were removed.
func (r *Session) isKnownStatus(t dora.DeploymentRecord, s dora.Status) (bool, error) {
	if t.Ignored == IgnoredAsRemoved {
		return s.ID < 0, nil
	}
	deployment := dora.DeploymentKey(s.Deployment.Host, s.Deployment.ID)
	if s.ID < 0 && dora.OutcomeOf(s.State) == "" {
		if removed, err := r.Removal().IsRemoved(dora.SubjectStatus, deployment); err != nil || removed {
			return removed, err
		}
	}
	ids, err := r.Deployments().StatusesAt(deployment, s.State, s.CreatedAt)
	if err != nil {
		return false, err
	}
	switch {
	case slices.Contains(ids, s.ID):
		return true, nil
	case s.ID < 0 && len(ids) > s.Ordinal:
		return true, nil
	}
	unnumbered := s.ID > 0 && len(ids) > 0 && ids[0] < 0
	if unnumbered {
		if err := r.Deployments().RemoveStatus(deployment, s.State, s.CreatedAt, ids[0]); err != nil {
			return false, err
		}
	}
	return unnumbered, r.Deployments().AddStatus(deployment, s.State, s.CreatedAt, s.ID)
}
