package export

import (
	"context"
	"maps"
	"slices"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// zeros are the series that start at 0 with others, as the live ones do: so a repository without failed changes has a rate of 0 and not
// none. The rules start no series of History, which may come in any order.
type zeros struct {
	// scopes have the labels of a repository and environment, statuses those of github_* without the status, opened those of incidents.
	scopes   []scope
	statuses []dora.HistorySeries
	opened   []dora.HistorySeries
	policy   dora.Policy
}

type scope struct {
	dora.HistorySeries
	production bool
}

func findZeros(ctx context.Context, r Reader, p dora.Policy) (z zeros, err error) {
	z.policy = p
	environments, err := r.Environments(ctx, -1)
	if err != nil {
		return z, err
	}
	scopes, err := seriesWithout(ctx, r, dora.Deployments, "outcome")
	if err != nil {
		return z, err
	}
	for _, s := range scopes {
		name := s.Labels["environment"]
		production := p.IsProduction(dora.Deployment{Environment: name}) || slices.ContainsFunc(environments, func(e dora.Environment) bool {
			return e.Production && dora.FoldName(e.Name) == dora.FoldName(name)
		})
		z.scopes = append(z.scopes, scope{s, production})
	}
	if z.statuses, err = seriesWithout(ctx, r, dora.DeploymentsTotal, "status"); err != nil {
		return z, err
	}
	z.opened, err = r.HistorySeries(ctx, dora.IncidentsOpened)
	return z, err
}

// seriesWithout returns the label sets of a family without a label, each with the earliest of the first facts.
func seriesWithout(ctx context.Context, r Reader, family, label string) ([]dora.HistorySeries, error) {
	all, err := r.HistorySeries(ctx, family)
	if err != nil {
		return nil, err
	}
	found := map[string]dora.HistorySeries{}
	for _, s := range all {
		delete(s.Labels, label)
		key := s.Labels.Key()
		if known, ok := found[key]; !ok || s.First.Before(known.First) {
			found[key] = s
		}
	}
	var merged []dora.HistorySeries
	for _, key := range slices.Sorted(maps.Keys(found)) {
		merged = append(merged, found[key])
	}
	return merged, nil
}

// of returns the series of a family that start at 0, and when.
func (z zeros) of(family string) (all []dora.HistorySeries) {
	add := func(labels dora.Labels, at time.Time) {
		all = append(all, dora.HistorySeries{Labels: labels, First: at})
	}
	switch family {
	case dora.DeploymentsTotal, dora.DeploymentsDurationSum:
		for _, s := range z.statuses {
			for _, state := range rules.KnownStates {
				add(s.Labels.With("status", state), s.First)
			}
		}
	case dora.IncidentRecovery:
		return z.opened
	default:
		for _, s := range z.scopes {
			for _, started := range rules.ScopeSeries(z.policy, s.Labels, s.production) {
				if started.Family == family {
					add(started.Labels, s.First)
				}
			}
		}
	}
	return all
}
