package sqlstore

import (
	"context"
	"database/sql"
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
}

func newSharedLeases(process string) *sharedLeases {
	return &sharedLeases{process: process, claimed: map[lostWork]bool{}}
}

// holder returns the name of a client in the table leases.
func (l *sharedLeases) holder(client string) string { return l.process + "/" + client }

func (l *sharedLeases) has(client string, w work) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.claimed[lostWork{client, w}]
}

func (l *sharedLeases) add(client string, all []work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range all {
		l.claimed[lostWork{client, w}] = true
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

var saveLease = upsert("leases", "queue, key", "client, until")

// claimShared leases up to limit of the items that due returns to a client.
func claimShared[T any](ctx context.Context, s *Store, client, queue string, now, until time.Time, limit int, key func(T) string,
	due func(r *Reader, limit int) ([]T, error),
) (claimed []T, err error) {
	var works []work
	holder := s.shared.holder(client)
	err = s.update(ctx, func(t *tx) error {
		claimed, works = nil, nil
		held, err := t.heldLeases(queue, now)
		if err != nil {
			return err
		}
		items, err := due(t.reader(), limit+len(held))
		if err != nil {
			return err
		}
		var rows [][]any
		for _, item := range items {
			w := work{queue, key(item)}
			if held[exclusion(queue, w.key)] {
				continue
			}
			if len(claimed) == limit {
				break
			}
			rows = append(rows, []any{queue, w.key, holder, until.UnixMilli()})
			held[exclusion(queue, w.key)] = true
			claimed, works = append(claimed, item), append(works, w)
		}
		return t.insertRows(saveLease, rows)
	})
	if err != nil {
		return nil, fmt.Errorf("claim work of %s: %w", queue, err)
	}
	s.shared.add(client, works)
	return claimed, nil
}

// heldLeases returns what is leased of a queue at a time, by exclusion. It removes old leases.
func (t *tx) heldLeases(queue string, now time.Time) (map[string]bool, error) {
	held := map[string]bool{}
	old := false
	err := t.query("SELECT key, until FROM leases WHERE queue = ?", []any{queue}, func(rows *sql.Rows) error {
		var key string
		var until int64
		err := rows.Scan(&key, &until)
		if now.UnixMilli() < until {
			held[exclusion(queue, key)] = true
		}
		old = old || until < now.Add(-forgetLeasesAfter).UnixMilli()
		return err
	})
	if err == nil && old {
		err = t.send("DELETE FROM leases WHERE queue = ? AND until < ?", queue, now.Add(-forgetLeasesAfter).UnixMilli())
	}
	return held, err
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
		return fmt.Errorf("%w: %s %s", dora.ErrLeaseLost, w.queue, w.key)
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
