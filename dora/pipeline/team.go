package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dora-exporter/dora"
)

const (
	// teamRetry is how long a delivery is postponed when the catalog can't answer now.
	teamRetry = 5 * time.Second
	// teamTime is how long the deliveries of a batch wait for the catalog. Those behind it wait, too, and so do evaluations.
	teamTime = 3 * time.Second
)

var errSlowCatalog = fmt.Errorf("the catalog did not answer within %s, deliveries are postponed", teamTime)

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

// findTeams finds the teams of deliveries, at the same time, and takes teamTime at most: the catalog goes on with its calls, and the deliveries
// that need them are postponed.
func (p *Processor) findTeams(ctx context.Context, deliveries []dora.Delivery) []ownedDelivery {
	batch := make([]ownedDelivery, len(deliveries))
	deadline := time.Now().Add(teamTime)
	var slow atomic.Bool
	var wait sync.WaitGroup
	for i, d := range deliveries {
		wait.Go(func() {
			stepCtx, endStep := p.Trace.step(ctx, stepProcess, d.Key)
			lookupCtx, cancel := context.WithDeadline(stepCtx, deadline)
			defer cancel()
			batch[i] = p.findTeam(lookupCtx, d)
			batch[i].ctx, batch[i].endStep = stepCtx, endStep
			if batch[i].postponed() && lookupCtx.Err() != nil {
				slow.Store(true)
			}
		})
	}
	wait.Wait()
	switch {
	case ctx.Err() != nil:
	case slow.Load():
		p.slowAt = time.Now()
		p.catalogHealth.Set(p.Logger, "finding teams", errSlowCatalog)
	case time.Since(p.slowAt) > 2*teamRetry: // what was postponed has been asked for again
		p.catalogHealth.Set(p.Logger, "finding teams", nil)
	}
	return batch
}

// findTeam finds the team of a delivery. While the catalog fails the delivery is postponed, for at most MaxWait in all. While the catalog is
// slow, the delivery is postponed as often as it takes: each call ends with an answer or a failure.
func (p *Processor) findTeam(ctx context.Context, d dora.Delivery) ownedDelivery {
	team, err := p.team(ctx, d.Event)
	if err == nil {
		return ownedDelivery{Delivery: d, team: team}
	}
	now := p.Now()
	if d.WaitingSince.IsZero() && ctx.Err() != nil {
		return ownedDelivery{Delivery: d, retryAt: now.Add(teamRetry), teamErr: err}
	}
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
