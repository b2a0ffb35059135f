package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

const (
	// retentionInterval is the time between two marks of what has arrived, and how late at most the removal of a day begins.
	retentionInterval = time.Hour
	// retentionRetry is the time until the next attempt after one that failed, or while days must be made first. That takes minutes after a
	// change of the policy.
	retentionRetry = 10 * time.Second
	// removalBatch is how many rows are removed in one transaction, and so how long deliveries that arrive have to wait for it.
	removalBatch = 256
	// removalPause is the shortest time between two of them.
	removalPause = 25 * time.Millisecond
)

// Retention removes what is older than storage.retention, in small batches.
type Retention struct {
	Store  dora.Transactor
	Rules  *rules.Rules
	Logger *slog.Logger
	// Keep is how long everything is kept; 0 for always.
	Keep time.Duration
	// Now is the time of day.
	Now func() time.Time
	// OnRemoved is called with what each batch has removed.
	OnRemoved func(dora.Removed)

	health Health
	// done is the day before which everything that is old has been removed.
	done int64
}

// Run removes what is old at the start and once a day, until ctx ends. It marks what has arrived once an hour, even if nothing is to be
// removed.
func (p *Retention) Run(ctx context.Context) {
	for ctx.Err() == nil {
		removed, err := p.RemoveOld(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := retentionInterval
		if err != nil {
			wait = retentionRetry
		}
		if errors.Is(err, rules.ErrStaleDays) {
			err = nil
		}
		p.health.Set(p.Logger, p.activity(), err)
		if removed != (dora.Removed{}) {
			p.Logger.Info("removed what is older than storage.retention", "facts", removed.Facts, "deliveries", removed.Deliveries,
				"deployments", removed.Deployments, "incidents", removed.Incidents)
		}
		Sleep(ctx, wait)
	}
}

// activity is what Run does, for the log.
func (p *Retention) activity() string {
	if p.Keep == 0 {
		return "storing when deliveries arrived"
	}
	return "removing what is older than storage.retention"
}

// RemoveOld removes everything that is old now. Events become old day by day, so once nothing is left, it waits for the next day: what stays
// need not be looked at every hour. It returns rules.ErrStaleDays if days must be made first.
func (p *Retention) RemoveOld(ctx context.Context) (all dora.Removed, err error) {
	if err := p.Store.Update(ctx, func(tx dora.Tx) error { return tx.Removal().MarkArrival() }); err != nil || p.Keep == 0 {
		return all, err
	}
	now := p.Now()
	before := now.Add(-p.Keep).Truncate(time.Millisecond) // as precise as the store
	if dora.DayOf(before) == p.done {
		return all, nil
	}
	var last dora.AgedRecord
	records := 0 // that were removed since the first one was looked at
	for done := false; !done && ctx.Err() == nil; {
		var removed dora.Removed
		var next dora.AgedRecord
		began := time.Now()
		err := p.Rules.Update(ctx, p.Store, now, func(r *rules.Session) (err error) {
			removed, next, done, err = r.RemoveOld(before, last, removalBatch)
			return err
		})
		if err != nil {
			return all, err
		}
		last = next
		all.Add(removed)
		records += removed.Deployments + removed.Incidents
		if done && records > 0 { // others may have been needed by them alone
			last, records, done = dora.AgedRecord{}, 0, false
		}
		p.OnRemoved(removed)
		Sleep(ctx, max(removalPause, time.Since(began))) // leave at least half of the store's time to others
	}
	if ctx.Err() == nil {
		p.done = dora.DayOf(before)
	}
	return all, ctx.Err()
}
