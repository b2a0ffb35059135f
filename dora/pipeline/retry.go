package pipeline

import (
	"context"
	"errors"
	"time"

	"dora-exporter/dora"
)

// notFoundRetries are the waits after each answer that a commit does not exist; the answer after the last wait is final.
var notFoundRetries = [...]time.Duration{time.Minute, 10 * time.Minute, time.Hour}

// failingAfter is for how long GitHub must have failed to answer a call, although it answers others, before evidence is decided on without
// what the answer may show. Single errors are answered by the next attempts, and must change no number, whatever failed before them.
const failingAfter = time.Minute

// retry returns the look-up with the time of its next attempt after an error of the one that began at a time. It is final after the last
// answer that the commit does not exist.
func retry(lookup dora.Lookup, began, now time.Time, err error) (again dora.Lookup, final bool) {
	before := lookup
	lookup.FailingSince, lookup.Inaccessible = time.Time{}, false
	var missing *dora.NotFoundError
	var unanswered *dora.UnansweredError
	var inaccessible *dora.InaccessibleError
	var paused *dora.PausedError
	switch {
	case errors.As(err, &paused): // no attempt: what waits for this one goes on waiting
		before.FailingCalls.Interrupt()
		before.Due = now.Add(min(max(paused.RetryIn, time.Second), time.Minute))
		return before, false
	case errors.As(err, &missing):
		if lookup.Misses == len(notFoundRetries) {
			return lookup, true
		}
		lookup.Due = now.Add(notFoundRetries[lookup.Misses])
		lookup.Attempts = 0
		lookup.Misses++
		if !before.Inaccessible { // the answer may be needed beside one that does not come
			lookup.FailingSince = before.FailingSince
		}
		return lookup, false
	case errors.As(err, &inaccessible):
		lookup.FailingSince, lookup.Inaccessible = earliest(before.FailingSince, now), true
		lookup.FailingCalls.Interrupt()
		lookup.Attempts++
		lookup.Due = now.Add(min(max(inaccessible.RetryIn, time.Second), time.Minute))
		return lookup, false
	case errors.As(err, &unanswered):
		if lookup.FailingCalls.Longest(began) >= failingAfter {
			lookup.FailingSince = now
			if !before.Inaccessible {
				lookup.FailingSince = earliest(before.FailingSince, now)
			}
		}
	default:
		lookup.FailingCalls.Interrupt()
	}
	lookup.Attempts++
	lookup.Due = now.Add(dora.Backoff(lookup.Attempts))
	return lookup, false
}

// persist makes a change of the store, and tries again while the store fails. Work that is given back before it is postponed is done again at
// once, with all its calls of GitHub, only to fail in the same way.
func persist(ctx context.Context, store changingStore, change func(dora.Tx) error) error {
	for failures := 1; ; failures++ {
		revision := store.Revision()
		err := store.Update(ctx, change)
		if !errors.Is(err, dora.ErrStoreFailing) || errors.Is(err, dora.ErrTransactionFailing) || ctx.Err() != nil {
			return err
		}
		Sleep(ctx, dora.Backoff(1))
		sleepUnlessChanged(ctx, dora.Backoff(failures)-dora.Backoff(1), store, revision)
	}
}

// changingStore is a store that announces its changes.
type changingStore interface {
	dora.Transactor
	dora.Revisions
}

// earliest returns the earlier of two times, of which the first may be zero for none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
