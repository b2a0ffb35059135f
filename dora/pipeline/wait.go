package pipeline

import (
	"context"
	"time"

	"dora-exporter/dora"
)

// Sleep waits until a time has passed or ctx ends.
func Sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// pauseAfter returns how long to wait after a batch that began at a time, to leave half of the store's time to arriving deliveries if these wait for
// batches. Of a batch that has waited for something else, it takes no more than a transaction may take.
func pauseAfter(store arrivals, began time.Time) time.Duration {
	if !store.DeliveriesWait() {
		return 0
	}
	return min(time.Since(began), batchTime)
}

// sleepUnlessChanged waits like Sleep, but returns as soon as there is a commit after a revision.
func sleepUnlessChanged(ctx context.Context, d time.Duration, changes dora.Revisions, revision int64) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_ = changes.WaitAfter(ctx, revision) // fails only when ctx ends
}

// changedAfter returns a channel that is closed when there is a commit after a revision. stop ends the waiting.
func changedAfter(ctx context.Context, changes dora.Revisions, revision int64) (changed <-chan struct{}, stop func()) {
	ctx, stop = context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		if changes.WaitAfter(ctx, revision) == nil {
			close(done)
		}
	}()
	return done, stop
}
