package pipeline

import (
	"context"
	"sync"
	"time"

	"dora-exporter/dora"
)

const (
	// teamRetry is how long a delivery is set aside when its team can't be told now.
	teamRetry = 5 * time.Second
	// catalogLookups bounds the look-ups that are made at the same time.
	catalogLookups = 8
)

// ownedDelivery is a delivery with what the transaction does to it.
type ownedDelivery struct {
	dora.Delivery
	team string
	// until is when to try again; zero when the team is known.
	until time.Time
	// why says why the team is not known; nil when it is.
	why error
	// within is the context of the step that the delivery takes, end ends that.
	within context.Context
	end    func(error)
}

// findTeams finds the teams of deliveries, several at a time.
func (p *Processor) findTeams(ctx context.Context, deliveries []dora.Delivery) []ownedDelivery {
	batch := make([]ownedDelivery, len(deliveries))
	places := make(chan struct{}, catalogLookups)
	var wait sync.WaitGroup
	for i, d := range deliveries {
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			within, end := p.Trace.step(ctx, stepProcess, d.Key)
			batch[i] = p.findTeam(within, d)
			batch[i].within, batch[i].end = within, end
		})
	}
	wait.Wait()
	return batch
}

func (p *Processor) findTeam(ctx context.Context, d dora.Delivery) ownedDelivery {
	team, err := p.team(ctx, d.Event)
	if err == nil {
		return ownedDelivery{Delivery: d, team: team}
	}
	now := p.Now()
	if d.WaitingSince.IsZero() {
		d.WaitingSince = now
	}
	last := d.WaitingSince.Add(p.MaxWait)
	if now.Before(last) {
		until := now.Add(teamRetry)
		if last.Before(until) {
			until = last
		}
		return ownedDelivery{Delivery: d, until: until, why: err}
	}
	if ctx.Err() == nil {
		p.Logger.WarnContext(ctx, "the catalog did not tell the team in time, counting for "+dora.Unknown, "delivery", d.Key, "error", err)
		p.OnTeamGivenUp()
	}
	return ownedDelivery{Delivery: d, team: dora.Unknown}
}

func (p *Processor) team(ctx context.Context, e dora.Event) (string, error) {
	switch {
	case e.Status != nil:
		return p.Catalog.RepositoryTeam(ctx, e.Status.Deployment.Owner, e.Status.Deployment.Repository)
	case e.Deployment != nil:
		return p.Catalog.RepositoryTeam(ctx, e.Deployment.Owner, e.Deployment.Repository)
	case e.Incident != nil:
		return p.Catalog.ProjectTeam(ctx, e.Incident.Project)
	}
	return dora.Unknown, nil
}
