package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dora-exporter/dora"
)

// LeaseState describes what a process knows of the leases on the work of a queue, of which several processes claim some.
type LeaseState struct {
	Queue string
	// Held is how many leases this process holds, TakenOver how many expired leases of other processes it has taken over so far, and Lost how
	// many transactions it had to undo because another process had taken over their lease.
	Held            int
	TakenOver, Lost int64
}

// searchedWork is how many due works of a queue are searched for those whose leases have expired.
const searchedWork = 1000

// Leases returns what this process knows of the leases of each queue, without asking the database; nil if only this process claims work.
func (s *Store) Leases() []LeaseState {
	if s.shared == nil {
		return nil
	}
	return s.shared.state()
}

// UnclaimedLeases returns for each queue for how long, by the time of the store's clock, the oldest lease has been expired whose work is due and
// claimed by no process; 0 if there is none. It returns nil if only this process claims work.
func (s *Store) UnclaimedLeases(ctx context.Context, now time.Time) (map[string]time.Duration, error) {
	if s.shared == nil {
		return nil, nil
	}
	expired, err := s.expiredLeases(ctx, now)
	if err != nil {
		return nil, err
	}
	c, ages := s.Client(""), map[string]time.Duration{}
	for _, queue := range allQueues {
		ages[queue] = 0
		if len(expired) == 0 {
			continue
		}
		keys, err := dueKeys(ctx, c, queue, now)
		if err != nil {
			return nil, fmt.Errorf("read the work of expired leases: %w", err)
		}
		for _, l := range expired {
			if l.queue == queue && slices.Contains(keys, l.key) {
				ages[queue] = max(ages[queue], now.Sub(l.until))
			}
		}
	}
	return ages, nil
}

// expiredLease is a lease that was neither released nor taken over.
type expiredLease struct {
	work
	until time.Time
}

func (s *Store) expiredLeases(ctx context.Context, now time.Time) ([]expiredLease, error) {
	return readAll(ctx, s.Reader, "expired leases", "SELECT queue, key, until FROM leases WHERE until < ?", []any{now.UnixMilli()},
		func(rows Rows) (l expiredLease, err error) {
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
	items, _, err := q.due(q.client.Reader, ctx, now, searchedWork)
	return q.keys(items), err
}
