package rules

import (
	"strconv"
	"strings"

	"dora-exporter/dora"
)

// statusLabels returns the labels under which a status of the deployment t counts.
func (r *Session) statusLabels(t dora.DeploymentRecord, s dora.Status, team string, inHistory bool) (dora.Labels, error) {
	labels := dora.DeploymentLabels(s.Deployment, s.State, team)
	if inHistory {
		labels = labels.OfHistory()
	}
	if r.redeploymentLabel {
		again, err := r.isRedeployment(t, s)
		if err != nil {
			return nil, err
		}
		labels = labels.With(dora.Redeployment, strconv.FormatBool(again))
	}
	return r.limitLabels(r.families[dora.DeploymentsTotal], labels)
}

// isRedeployment reports whether a deployment's payload says that it is a redeployment, or the deployment that ran before it has the same
// commit. Before is before its first success, or before the status if that is earlier. A status counts at once, and can't be counted under
// another label afterwards: a success that arrives after it is not seen.
func (r *Session) isRedeployment(t dora.DeploymentRecord, s dora.Status) (bool, error) {
	d := s.Deployment
	if d.Redeployment || d.SHA == "" {
		return d.Redeployment, nil
	}
	before := dora.Moment{At: s.CreatedAt, ID: d.ID}
	if first, ok := t.First(dora.Success); ok && first.At.Before(before.At) {
		before.At = first.At
	}
	previous, known, err := r.History().Previous(t.Scope(), before)
	return known && strings.EqualFold(previous.SHA, d.SHA), err
}

// startedLabels returns the label sets that start at 0 for a state.
func (r *Session) startedLabels(d dora.Deployment, state, team string) []dora.Labels {
	labels := dora.DeploymentLabels(d, state, team)
	if !r.redeploymentLabel {
		return []dora.Labels{labels}
	}
	return []dora.Labels{labels.With(dora.Redeployment, "false"), labels.With(dora.Redeployment, "true")}
}
