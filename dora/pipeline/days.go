package pipeline

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

const (
	// calmTime is how long nothing must have changed before stale days are made anew, and busyTime how long they are left at most while
	// something does, so that a burst does not make the same days again and again.
	calmTime = time.Second
	busyTime = 10 * time.Second
)

// DayStore is the store as Days use it.
type DayStore interface {
	dora.Transactor
	dora.Revisions
}

// Days makes the days anew that events and evaluations have made stale, so that a report reads few deployments.
type Days struct {
	Store  DayStore
	Policy dora.Policy
	Logger *slog.Logger
	// AtOnce bounds how many deployments or incidents a transaction is about, and so how long deliveries that arrive have to wait for it.
	AtOnce int

	health health
}

// Run makes days until ctx ends.
func (d *Days) Run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		revision := d.Store.Revision()
		err := d.Make(ctx)
		if ctx.Err() != nil {
			return
		}
		d.health.set(d.Logger, "making days", err)
		if err != nil {
			failures++
			Sleep(ctx, dora.Backoff(failures))
			continue
		}
		failures = 0
		if d.Store.WaitAfter(ctx, revision) == nil {
			d.waitForCalm(ctx)
		}
	}
}

// waitForCalm returns when nothing has changed for calmTime, and after busyTime at the latest.
func (d *Days) waitForCalm(ctx context.Context) {
	for end := time.Now().Add(busyTime); time.Now().Before(end) && ctx.Err() == nil; {
		revision := d.Store.Revision()
		Sleep(ctx, calmTime)
		if d.Store.Revision() == revision {
			return
		}
	}
}

// Make makes all stale days anew, in transactions of a limited number of deployments each.
func (d *Days) Make(ctx context.Context) error {
	policy := rules.DaysPolicy(d.Policy)
	var stale map[string]time.Time
	err := d.Store.Update(ctx, func(tx dora.Tx) error {
		made, err := tx.Days().Policy()
		if err == nil && made != policy {
			err = tx.Days().Restart(policy)
		}
		if err != nil {
			return err
		}
		stale, err = tx.Days().Stale()
		return err
	})
	if err != nil {
		return err
	}
	for _, scope := range slices.Sorted(maps.Keys(stale)) {
		for more := true; more; {
			start := time.Now()
			if more, err = d.makeSome(ctx, scope); err != nil {
				return err
			}
			Sleep(ctx, time.Since(start)) // leave half of the store's time to arriving deliveries
		}
	}
	return nil
}

// makeSome makes some stale days of a scope anew, and reports whether more are stale.
func (d *Days) makeSome(ctx context.Context, scope string) (more bool, err error) {
	err = d.Store.Update(ctx, func(tx dora.Tx) error {
		more = false
		since, isStale, err := tx.Days().StaleSince(scope)
		if err != nil || !isStale {
			return err
		}
		days := rules.NewDays(d.Policy, tx.Days(), d.AtOnce)
		if err := days.Make(scope, since); err != nil {
			return err
		}
		changes := days.Changes()
		more = !changes.Stale[scope].IsZero()
		return tx.Days().Save(changes)
	})
	return more, err
}
