package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"dora-exporter/dora"
)

// ErrBacklog is returned for a delivery while as many are pending as LimitBacklog allows.
var ErrBacklog = errors.New("too many deliveries are pending (storage.max_backlog)")

// LimitBacklog sets how many deliveries may be pending. It must be called before Accept; without it there is no limit.
func (s *Store) LimitBacklog(ctx context.Context, limit int) error {
	backlog, err := s.Backlog(ctx)
	if err != nil {
		return err
	}
	return s.update(ctx, func(*tx) error { // by the committer, which counts them
		s.writer.pending.Store(int64(backlog.Deliveries))
		s.writer.maxPending.Store(int64(limit))
		return nil
	})
}

// backlogError returns ErrBacklog if no more deliveries are accepted, else nil.
func (w *writer) backlogError(added int) error {
	if limit := w.maxPending.Load(); limit > 0 && w.pending.Load()+int64(added) >= limit {
		return ErrBacklog
	}
	return nil
}

// addPending changes the number of pending deliveries. Another process may have retried dead letters.
func (w *writer) addPending(n int) {
	for {
		was := w.pending.Load()
		if w.pending.CompareAndSwap(was, max(0, was+int64(n))) {
			return
		}
	}
}

// checkBacklog returns 1 if a delivery can be stored, 0 if the backlog is full and it is a duplicate, and ErrBacklog otherwise.
func (t *tx) checkBacklog(key string) (int64, error) {
	full := t.writer.backlogError(t.pendingDelta)
	if full == nil {
		return 1, nil
	}
	var id int64
	stem, rest := cutStem(key)
	known, err := t.queryRow("SELECT id FROM deliveries WHERE stem = "+textID+" AND rest = ?", []any{stem, rest}, &id)
	if err == nil && !known {
		err = full
	}
	return 0, err
}

// Backlog counts pending deliveries, dead letters and look-ups.
func (r *Reader) Backlog(ctx context.Context) (dora.Backlog, error) {
	var b dora.Backlog
	var oldest sql.NullInt64
	// For min(id), PostgreSQL would read all processed deliveries, which come before, by the primary key.
	err := r.queryRow(ctx, `SELECT (SELECT count(*) FROM deliveries INDEXED BY deliveries_due WHERE state = 0),
		(SELECT received FROM deliveries WHERE id = (SELECT min(id + 0) FROM deliveries INDEXED BY deliveries_due WHERE state = 0)),
		(SELECT count(*) FROM deliveries INDEXED BY deliveries_dead WHERE state = 2),
		(SELECT count(*) FROM lookups)`, &b.Deliveries, &oldest, &b.SetAside, &b.LookUps)
	if err != nil {
		return dora.Backlog{}, fmt.Errorf("count the backlog: %w", err)
	}
	if oldest.Valid {
		b.Oldest = fromMillis(oldest.Int64)
	}
	return b, nil
}
