package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"dora-exporter/dora"
)

// forgetLeasesAfter is how long after their end leases are removed that nobody has released: those of processes that have died.
const forgetLeasesAfter = 24 * time.Hour

// sharedLeases are the claims of this process on work that other processes claim, too. The table leases has those of all.
type sharedLeases struct {
	// process is the name of this process.
	process string

	mu sync.Mutex
	// claimed are the works that clients of this process have claimed and not released. Another client may have claimed them since.
	claimed map[lostWork]bool
	// takenOver and lost are as in LeaseState, by queue.
	takenOver, lost map[string]int64
}

func newSharedLeases(process string) *sharedLeases {
	return &sharedLeases{process: process, claimed: map[lostWork]bool{}, takenOver: map[string]int64{}, lost: map[string]int64{}}
}

// state returns what this process knows of the leases of each queue.
func (l *sharedLeases) state() (all []LeaseState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := map[string]int{}
	for c := range l.claimed {
		held[c.work.queue]++
	}
	for _, queue := range allQueues {
		all = append(all, LeaseState{Queue: queue, Held: held[queue], TakenOver: l.takenOver[queue], Lost: l.lost[queue]})
	}
	return all
}

// countLost counts a transaction that failed because of a work that another client has claimed.
func (l *sharedLeases) countLost(err error) {
	if lost := (*lostError)(nil); errors.As(err, &lost) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lost[lost.queue]++
	}
}

// lostError says that another client has claimed a work.
type lostError struct{ work }

func (e *lostError) Error() string {
	return fmt.Sprintf("%v: %s %s", dora.ErrLeaseLost, e.queue, e.key)
}

func (e *lostError) Unwrap() error { return dora.ErrLeaseLost }

// holder returns the name of a client in the table leases.
func (l *sharedLeases) holder(client string) string { return l.process + "/" + client }

func (l *sharedLeases) has(client string, w work) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.claimed[lostWork{client, w}]
}

// add notes that a client has claimed works. It has taken some of them over from another client.
func (l *sharedLeases) add(client string, all []work, takenOver int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range all {
		l.claimed[lostWork{client, w}] = true
	}
	if takenOver > 0 {
		l.takenOver[all[0].queue] += int64(takenOver)
	}
}

// remove forgets that a client has claimed works, and returns the keys of those that it had.
func (l *sharedLeases) remove(client string, all []work) (keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range all {
		if l.claimed[lostWork{client, w}] {
			keys = append(keys, w.key)
		}
		delete(l.claimed, lostWork{client, w})
	}
	return keys
}

var saveLeases = newRowInsert(upsert("leases", "queue, key", "client, until"))

// claimShared leases up to limit of the items that due returns to a client.
func claimShared[T any](ctx context.Context, s *Store, client, queue string, now, until time.Time, limit int, key func(T) string,
	due func(r *Reader, limit int) ([]T, error),
) (claimed []T, err error) {
	var works []work
	var takenOver int
	holder := s.shared.holder(client)
	err = s.update(ctx, func(t *tx) error {
		claimed, works, takenOver = nil, nil, 0
		held, expired, err := t.heldLeases(queue, now)
		if err != nil {
			return err
		}
		items, err := due(t.reader(), limit+len(held))
		if err != nil {
			return err
		}
		var rows []any
		for _, item := range items {
			w := work{queue, key(item)}
			if held[exclusion(queue, w.key)] {
				continue
			}
			if len(claimed) == limit {
				break
			}
			rows = append(rows, queue, w.key, holder, until.UnixMilli())
			held[exclusion(queue, w.key)] = true
			if before := expired[w.key]; before != "" && before != holder {
				takenOver++
			}
			claimed, works = append(claimed, item), append(works, w)
		}
		return t.insertRows(&saveLeases, rows)
	})
	if err != nil {
		return nil, fmt.Errorf("claim work of %s: %w", queue, err)
	}
	s.shared.add(client, works, takenOver)
	return claimed, nil
}

// heldLeases returns what is leased of a queue at a time, by exclusion, and who held the expired leases, by key. It removes old leases.
func (t *tx) heldLeases(queue string, now time.Time) (held map[string]bool, expired map[string]string, err error) {
	held, expired = map[string]bool{}, map[string]string{}
	old := false
	err = t.query("SELECT key, client, until FROM leases WHERE queue = ?", []any{queue}, func(rows Rows) error {
		var key, client string
		var until int64
		err := rows.Scan(&key, &client, &until)
		if now.UnixMilli() < until {
			held[exclusion(queue, key)] = true
		} else {
			expired[key] = client
		}
		old = old || until < now.Add(-forgetLeasesAfter).UnixMilli()
		return err
	})
	if err == nil && old {
		err = t.send("DELETE FROM leases WHERE queue = ? AND until < ?", queue, now.Add(-forgetLeasesAfter).UnixMilli())
	}
	return held, expired, err
}

// extendShared renews the leases that a client holds in a queue.
func (s *Store) extendShared(ctx context.Context, client, queue string, until time.Time, keys []string) error {
	if err := s.changeLeases(ctx, client, queue, keys, "UPDATE leases SET until = ?", until.UnixMilli()); err != nil {
		return fmt.Errorf("extend leases: %w", err)
	}
	return nil
}

// releaseShared gives up the leases that a client holds on works of one queue.
func (s *Store) releaseShared(ctx context.Context, client, queue string, all []work) error {
	if err := s.changeLeases(ctx, client, queue, s.shared.remove(client, all), "DELETE FROM leases"); err != nil {
		return fmt.Errorf("release leases: %w", err)
	}
	return nil
}

// changeLeases executes a statement, which begins with args, for the leases that a client holds in a queue.
func (s *Store) changeLeases(ctx context.Context, client, queue string, keys []string, statement string, args ...any) error {
	if len(keys) == 0 {
		return nil
	}
	return s.update(ctx, func(t *tx) error {
		for chunk := range slices.Chunk(keys, maxInserted) {
			args := append(slices.Clone(args), queue, s.shared.holder(client))
			for _, key := range chunk {
				args = append(args, key)
			}
			if err := t.send(statement+" WHERE queue = ? AND client = ? AND key IN ("+placeholders(len(chunk))+")", args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkShared returns an error if another client has claimed a work. The transaction ends it, or postpones it.
func (t *tx) checkShared(w work, ends bool) error {
	me := t.shared.holder(t.client)
	lost := &lostError{w}
	if ends && t.shared.has(t.client, w) && !t.ends(w) {
		*t.ending = append(*t.ending, w)
		return t.sendOne(lost, "DELETE FROM leases WHERE queue = ? AND key = ? AND client = ?", w.queue, w.key, me)
	}
	if ends {
		ended, err := t.exec("DELETE FROM leases WHERE queue = ? AND key = ? AND client = ?", w.queue, w.key, me)
		if err != nil || ended > 0 {
			*t.ending = append(*t.ending, w)
			return err
		}
	}
	var holder string
	held, err := t.queryRow("SELECT client FROM leases WHERE queue = ? AND key = ?", []any{w.queue, w.key}, &holder)
	if err != nil {
		return err
	}
	if held && holder != me || !held && t.shared.has(t.client, w) && !t.ends(w) {
		return lost
	}
	return nil
}

// ends reports whether the running op has ended a work already.
func (t *tx) ends(w work) bool {
	for _, ended := range *t.ending {
		if ended == w {
			return true
		}
	}
	return false
}
