package pipeline

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"dora-exporter/dora"
)

const (
	// teamRetry is how long a delivery is postponed when the catalog can't answer now.
	teamRetry = 5 * time.Second
	// concurrentTeams bounds the look-ups in the catalog that are made at the same time.
	concurrentTeams = 8
)

// ownedDelivery is a delivery with its team.
type ownedDelivery struct {
	dora.Delivery
	team string
	// teamErr is why the team is not known yet, and retryAt when to look it up again; zero if it is known.
	teamErr error
	retryAt time.Time
	// givenUp is why the team was not found within MaxWait.
	givenUp error
	// ctx is the context of the delivery's trace step, endStep ends the step.
	ctx     context.Context
	endStep func(error)
}

// postponed reports whether the delivery has to wait for its team.
func (d ownedDelivery) postponed() bool { return !d.retryAt.IsZero() }

// findTeams finds the teams of deliveries, several at a time.
func (p *Processor) findTeams(ctx context.Context, deliveries []dora.Delivery) []ownedDelivery {
	batch := make([]ownedDelivery, len(deliveries))
	slots := make(chan struct{}, concurrentTeams)
	var wait sync.WaitGroup
	for i, d := range deliveries {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			stepCtx, endStep := p.Trace.step(ctx, stepProcess, d.Key)
			batch[i] = p.findTeam(stepCtx, d)
			batch[i].ctx, batch[i].endStep = stepCtx, endStep
		})
	}
	wait.Wait()
	return batch
}

// findTeam finds the team of a delivery. While the catalog fails the delivery is postponed, for at most MaxWait in all.
func (p *Processor) findTeam(ctx context.Context, d dora.Delivery) ownedDelivery {
	team, err := p.team(ctx, d.Event)
	if err == nil {
		return ownedDelivery{Delivery: d, team: team}
	}
	now := p.Now()
	if d.WaitingSince.IsZero() {
		d.WaitingSince = now
	}
	deadline := d.WaitingSince.Add(p.MaxWait)
	if now.Before(deadline) {
		retryAt := now.Add(teamRetry)
		if deadline.Before(retryAt) {
			retryAt = deadline
		}
		return ownedDelivery{Delivery: d, retryAt: retryAt, teamErr: err}
	}
	return ownedDelivery{Delivery: d, team: dora.Unknown, givenUp: err}
}

func (p *Processor) team(ctx context.Context, e dora.Event) (string, error) {
	switch {
	case e.Status != nil, e.Deployment != nil:
		d := e.Target()
		return p.Catalog.RepositoryTeam(ctx, d.Host, d.Owner, d.Repository)
	case e.Incident != nil:
		if p.IssueTeams.Assign(e.Incident) {
			return strings.Join(append(slices.Clone(e.Incident.Teams), e.Incident.ComponentTeams...), ", "), nil
		}
		return p.Catalog.ProjectTeam(ctx, e.Incident.Project)
	}
	return dora.Unknown, nil
}
