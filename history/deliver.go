package history

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"dora-exporter/dora"
)

const (
	// deliveriesAtOnce is how many deliveries are stored in one transaction, and so how long webhooks that arrive have to wait for it.
	deliveriesAtOnce = 200
	// maxPending is how many deliveries may be pending before more are stored.
	maxPending = 5000
	// pendingWait is the time between two looks at how many are.
	pendingWait = 200 * time.Millisecond
)

// deliver stores the deliveries of deployments, the oldest first. Those that are there already change nothing. A deployment that can't be read
// is left out.
func (b *Backfill) deliver(ctx context.Context, p *part, deployments []dora.ArchivedDeployment) error {
	var all []dora.Delivery
	for _, a := range deployments {
		made, err := b.deliveriesOf(p, a)
		if err != nil {
			name := fmt.Sprintf("%s/%s#%d", p.Owner, p.Name, a.ID)
			b.Logger.Error("a deployment can't be read, the backfill goes on without it", "deployment", name, "error", err)
			b.skip(name)
			continue
		}
		all = append(all, made...)
	}
	slices.SortStableFunc(all, func(x, y dora.Delivery) int {
		return cmp.Or(x.Event.Status.CreatedAt.Compare(y.Event.Status.CreatedAt), cmp.Compare(x.Event.Status.ID, y.Event.Status.ID))
	})
	return b.add(ctx, all)
}

// add stores deliveries as fast as they are processed.
func (b *Backfill) add(ctx context.Context, all []dora.Delivery) error {
	for batch := range slices.Chunk(all, deliveriesAtOnce) {
		if err := b.waitForBacklog(ctx); err != nil {
			return err
		}
		now := b.Now()
		var added int
		err := b.Store.Update(ctx, func(tx dora.Tx) error {
			added = 0
			for _, d := range batch {
				d.Received = now
				isNew, err := tx.Deliveries().Add(d)
				if err != nil {
					return err
				}
				if isNew {
					added++
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		b.count(func(p *Progress) { p.Deliveries += added })
	}
	return nil
}

func (b *Backfill) waitForBacklog(ctx context.Context) error {
	for {
		backlog, err := b.Store.Backlog(ctx)
		if err != nil || backlog.Deliveries < maxPending {
			return err
		}
		b.Sleep(ctx, pendingWait)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// deliveriesOf returns the deliveries that the webhooks of a deployment's statuses would have brought.
func (b *Backfill) deliveriesOf(p *part, a dora.ArchivedDeployment) ([]dora.Delivery, error) {
	if a.ID <= 0 {
		b.Logger.Warn("GitHub does not tell the number of a deployment, leaving it out", "repository", p.Owner+"/"+p.Name, "created", a.Created, "sha", a.SHA)
		return nil, nil
	}
	deployment, err := b.deploymentOf(p, a)
	if err != nil {
		return nil, err
	}
	var all []dora.Delivery
	same := map[string]int{}
	for n, s := range a.Statuses {
		status := &dora.Status{Deployment: deployment, ID: s.ID, State: s.State, Environment: s.Environment, CreatedAt: s.At}
		key := s.State + s.At.String()
		if status.ID == 0 {
			status.ID, status.Ordinal = dora.UnnumberedStatus(a.ID, n), same[key]
		}
		same[key]++
		all = append(all, dora.Delivery{
			Source: dora.GitHub, Key: dora.StatusDeliveryKey(p.Host, status.ID), Event: dora.Event{Status: status, Backfilled: true},
		})
	}
	return all, nil
}

// deploymentOf returns a deployment as its webhook would have it.
func (b *Backfill) deploymentOf(p *part, a dora.ArchivedDeployment) (dora.Deployment, error) {
	var d document
	if err := json.Unmarshal(a.Document, &d); err != nil {
		return dora.Deployment{}, err
	}
	d.ID = a.ID
	payload, err := json.Marshal(map[string]any{
		"deployment": d,
		"repository": map[string]any{
			"id": p.ID, "name": p.Name, "full_name": p.Owner + "/" + p.Name, "owner": user{p.Owner}, "default_branch": p.DefaultBranch,
			"url": "https://" + p.Host + "/repos/" + p.Owner + "/" + p.Name,
		},
	})
	if err != nil {
		return dora.Deployment{}, err
	}
	event, err := b.DecodeDeployment(payload)
	if err != nil {
		return dora.Deployment{}, err
	}
	deployment := *event.Deployment
	deployment.Host = p.Host
	return deployment, nil
}
