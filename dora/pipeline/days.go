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
	// backlogTime is how often days of deployments that wait for their evaluation, which makes them stale again, are made while something
	// changes.
	backlogTime = 5 * time.Minute
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

	health Health
}

// Run makes days until ctx ends.
func (d *Days) Run(ctx context.Context) {
	var allMade time.Time
	for failures, isCalm := 0, true; ctx.Err() == nil; {
		revision := d.Store.Revision()
		all := isCalm || time.Since(allMade) > backlogTime
		err := d.make(ctx, all)
		if ctx.Err() != nil {
			return
		}
		d.health.Set(d.Logger, "making days", err)
		if err != nil {
			failures++
			Sleep(ctx, dora.Backoff(failures))
			continue
		}
		failures = 0
		if all {
			allMade = time.Now()
			_ = d.Store.WaitAfter(ctx, revision) // its error is that ctx has ended
		}
		isCalm = d.waitForCalm(ctx)
	}
}

// waitForCalm returns when nothing has changed for calmTime, and after busyTime at the latest, with false.
func (d *Days) waitForCalm(ctx context.Context) bool {
	for end := time.Now().Add(busyTime); time.Now().Before(end) && ctx.Err() == nil; {
		revision := d.Store.Revision()
		Sleep(ctx, calmTime)
		if d.Store.Revision() == revision {
			return true
		}
	}
	return false
}

// Make makes all stale days anew, in transactions of a limited number of deployments each.
func (d *Days) Make(ctx context.Context) error { return d.make(ctx, true) }

// MakeEvaluated makes the stale days of deployments anew that are before the first of their scope that waits for its evaluation.
func (d *Days) MakeEvaluated(ctx context.Context) error { return d.make(ctx, false) }

func (d *Days) make(ctx context.Context, all bool) error {
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
		if left, err = d.makeSome(ctx, left, all); err != nil {
			return err
		}
		Sleep(ctx, time.Since(start)) // leave half of the store's time to deliveries and evaluations
	}
	return nil
}

// makeSome makes some stale days of scopes anew, and returns the scopes of which more may be stale.
func (d *Days) makeSome(ctx context.Context, scopes []string, all bool) (left []string, err error) {
	err = d.Store.Update(ctx, func(tx dora.Tx) error {
		days := rules.NewDays(d.Policy, tx.Days(), d.AtOnce)
		for left = scopes; len(left) > 0 && days.Work() < d.AtOnce; {
			isLarge, err := makeScope(tx, days, left[0], all)
			if err != nil {
				return err
			}
			if isLarge {
				break // its rest needs a transaction of its own
			}
			left = left[1:]
		}
		return tx.Days().Save(days.Changes())
	})
	return left, err
}

// makeScope makes stale days of a scope anew, and reports whether more of them are to be made.
func makeScope(tx dora.Tx, days *rules.Days, scope string, all bool) (isLarge bool, err error) {
	var before time.Time // zero for all
	if !all {
		first, _, err := tx.Evaluations().First(scope)
		if err != nil {
			return false, err
		}
		before = first.At
	}
	since, isStale, err := tx.Days().StaleSince(scope)
	if err != nil || !isStale || !before.IsZero() && !since.Before(before) {
		return false, err
	}
	err = days.Make(scope, since, before)
	rest := days.StaleSince(scope)
	return !rest.IsZero() && !rest.Equal(before), err
}
