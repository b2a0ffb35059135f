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
	busyTime = 3 * time.Second
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
	// AtOnce bounds how many deployments or incidents of a scope a transaction is about, and ends it when it was about as many: so it bounds how
	// long deliveries that arrive have to wait.
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
	for left := slices.Sorted(maps.Keys(stale)); len(left) > 0; {
		start := time.Now()
		if left, err = d.makeSome(ctx, left); err != nil {
			return err
		}
		Sleep(ctx, time.Since(start)) // leave half of the store's time to arriving deliveries
	}
	return nil
}

// makeSome makes some stale days of scopes anew, and returns the scopes of which more may be stale.
func (d *Days) makeSome(ctx context.Context, scopes []string) (left []string, err error) {
	err = d.Store.Update(ctx, func(tx dora.Tx) error {
		days := rules.NewDays(d.Policy, tx.Days(), d.AtOnce)
		for left = scopes; len(left) > 0 && days.Work() < d.AtOnce; {
			since, isStale, err := tx.Days().StaleSince(left[0])
			if err == nil && isStale {
				err = days.Make(left[0], since)
			}
			if err != nil {
				return err
			}
			if days.IsStale(left[0]) {
				break // the rest of a large scope needs a transaction of its own
			}
			left = left[1:]
		}
		return tx.Days().Save(days.Changes())
	})
	return left, err
}
