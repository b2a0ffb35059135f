package history

import (
	"context"
	"slices"
	"time"

	"dora-exporter/dora"
)

// A backfill stores what it is reading, so that one that was interrupted goes on there: it neither lists the repositories again nor looks for
// what is newer in those that it had read. It does both once, at the end, since webhooks may have missed something while nothing ran.

// run is a request that is being read from a server of GitHub.
type run struct {
	Since        time.Time `json:"since"`
	Until        time.Time `json:"until,omitzero"`
	Repositories []string  `json:"repositories,omitempty"`
	// Began is when the repositories were listed: those that were begun since then have been read for this run.
	Began   time.Time `json:"began,omitzero"`
	Targets []target  `json:"targets,omitempty"`
}

// maxListAge is the greatest age of a list of repositories from which an interrupted backfill goes on.
const maxListAge = dora.Day

// matches reports whether a backfill with a request goes on with the run at a time.
func (r run) matches(q Request, now time.Time) bool {
	return r.Since.Equal(q.Since) && r.Until.Equal(q.Until) && slices.Equal(r.Repositories, q.Repositories) && !now.Before(r.Began) && now.Sub(r.Began) < maxListAge
}

// runPart is the name of the part that has the run.
func (b *Backfill) runPart() string { return "run/" + b.Host }

// resume takes over the list of an interrupted backfill with the same request, or lists what is to be read and stores that.
func (b *Backfill) resume(ctx context.Context) error {
	if b.planned || !slices.Contains(b.Sources, dora.GitHub) {
		return b.plan(ctx)
	}
	if b.readsNewer { // the server did not answer when what is newer was listed
		return b.list(ctx)
	}
	var interrupted run
	err := b.Store.Update(ctx, func(tx dora.Tx) error {
		interrupted = run{}
		_, err := tx.Backfill().Part(b.runPart(), &interrupted)
		return err
	})
	if err != nil {
		return err
	}
	if b.Owners != nil || !interrupted.matches(b.Request, b.Now()) {
		return b.list(ctx)
	}
	b.prepare()
	b.began, b.isResumed = interrupted.Began, true
	b.setTargets(ctx, interrupted.Targets)
	return nil
}

// list lists what is to be read and stores that.
func (b *Backfill) list(ctx context.Context) error {
	next := run{Since: b.Since, Until: b.Until, Repositories: slices.Clone(b.Repositories), Began: b.Now().UTC()}
	if err := b.plan(ctx); err != nil {
		return err
	}
	b.began, next.Targets = next.Began, b.targets
	if len(b.progress.Failed) > len(b.skipped) || b.Owners != nil { // some may be listed by the next one
		next = run{}
	}
	return b.saveRun(ctx, next)
}

func (b *Backfill) saveRun(ctx context.Context, r run) error {
	return b.Store.Update(ctx, func(tx dora.Tx) error { return tx.Backfill().SavePart(b.runPart(), r) })
}

// readNewer ends the run, whose repositories were read. If it had been interrupted, it reads what is newer in another one.
func (b *Backfill) readNewer(ctx context.Context) error {
	if !slices.Contains(b.Sources, dora.GitHub) {
		return nil
	}
	if b.isResumed && (b.Until.IsZero() || b.Until.After(b.began)) {
		b.isResumed, b.readsNewer, b.planned = false, true, false
		b.targets, b.unanswered = nil, nil
		b.count(func(p *Progress) { p.Repositories, p.Done, p.CallsLeft = 0, 0, 0 })
		if err := b.list(ctx); err != nil {
			return err
		}
		if err := b.readRepositories(ctx); err != nil {
			return err
		}
	}
	return b.saveRun(ctx, run{})
}

// hasRead reports whether a part was read for this run.
func (b *Backfill) hasRead(p *part) bool {
	return p.Done && !b.began.IsZero() && p.Began.After(b.began) && p.covers(b.Request)
}

// countDeployments counts those that were read of a part. What is read again at the end was counted before.
func (b *Backfill) countDeployments(p *part, read []dora.ArchivedDeployment) {
	n := 0
	for _, a := range read {
		if !b.readsNewer || p.Newer.IsZero() || a.Created.After(p.Newer.Add(redeliveryWindow)) {
			n++
		}
	}
	b.count(func(now *Progress) { now.Deployments += n })
}
