package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"dora-exporter/dora"
)

// LeaseState describes the leases on the work of a queue, of which several processes claim some.
type LeaseState struct {
	Queue string
	// Held is how many works this process has claimed and not released, TakenOver how many it has claimed so far after the lease of another
	// process had expired, and Lost how many transactions it had to undo because another process had claimed their work.
	Held            int
	TakenOver, Lost int64
	// Unclaimed is for how long the oldest lease has been expired whose work is due and claimed by nobody; 0 if there is none.
	Unclaimed time.Duration
}

// searchedWork is how many due works of a queue are searched for those whose leases have expired.
const searchedWork = 1000

// Leases returns the state of the leases of each queue by the time of the store's clock; nil if only this process claims work. If the store
// can't be read, it returns what this process knows with the error.
func (s *Store) Leases(ctx context.Context, now time.Time) ([]LeaseState, error) {
	if s.shared == nil {
		return nil, nil
	}
	c := s.Client("")
	all := s.shared.state()
	expired, err := s.expiredLeases(ctx, now)
	if err != nil || len(expired) == 0 {
		return all, err
	}
	for i := range all {
		keys, err := dueKeys(ctx, c, all[i].Queue, now)
		if err != nil {
			return all, fmt.Errorf("read the work of expired leases: %w", err)
		}
		for _, l := range expired {
			if l.queue == all[i].Queue && slices.Contains(keys, l.key) {
				all[i].Unclaimed = max(all[i].Unclaimed, now.Sub(l.until))
			}
		}
	}
	return all, nil
}

// expiredLease is a lease that was neither released nor taken over.
type expiredLease struct {
	work
	until time.Time
}

func (s *Store) expiredLeases(ctx context.Context, now time.Time) ([]expiredLease, error) {
	return readAll(ctx, s.Reader, "expired leases", "SELECT queue, key, until FROM leases WHERE until < ?", []any{now.UnixMilli()},
		func(rows *sql.Rows) (l expiredLease, err error) {
			var until int64
			err = rows.Scan(&l.queue, &l.key, &until)
			l.until = fromMillis(until)
			return l, err
		})
}

// dueKeys returns the keys of the works of a queue that have been due for longest.
func dueKeys(ctx context.Context, c *Client, queue string, now time.Time) ([]string, error) {
	switch queue {
	case deliveryQueue:
		return keysOf(ctx, c.DeliveryQueue().(workQueue[dora.Delivery]), now)
	case lookupQueue:
		return keysOf(ctx, c.LookupQueue().(workQueue[dora.Lookup]), now)
	case comparisonQueue:
		return keysOf(ctx, c.ComparisonQueue().(workQueue[dora.Evaluation]), now)
	default:
		return keysOf(ctx, c.EvaluationQueue().(workQueue[dora.Evaluation]), now)
	}
}

func keysOf[T any](ctx context.Context, q workQueue[T], now time.Time) ([]string, error) {
	items, err := q.due(ctx, now, searchedWork)
	return q.keys(items), err
}
