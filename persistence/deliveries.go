package persistence

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dora-exporter/dora"
)

// unreadableWait is how long a row that can't be decoded is set aside. It is never dropped: a later version may read it.
const unreadableWait = time.Hour

// longestWait is longer than anything is ever put off. What is due later than that was put off before the clock of the
// machine was set back, and is due now.
const longestWait = 2 * time.Hour

// Accept stores a delivery unless one with the same key is there. When it returns without an error the delivery is on the
// disk, also the first one of a duplicate. When ctx ends first the delivery may be stored all the same.
func (s *Store) Accept(ctx context.Context, d dora.Delivery) (duplicate bool, err error) {
	event, err := json.Marshal(d.Event)
	if err != nil {
		return false, fmt.Errorf("encode delivery %s: %w", d.Key, err)
	}
	var inserted int64
	o := newOp(func(t *tx) (err error) {
		inserted, err = t.exec(`INSERT INTO deliveries (source, key, event, received, due) VALUES (?, ?, ?, ?, 0)
			ON CONFLICT (key) DO NOTHING`, d.Source, d.Key, string(event), d.Received.UnixMilli())
		return err
	})
	o.single = true
	err = s.writer.do(ctx, o)
	if errors.Is(err, errUnderWay) {
		err = ctx.Err()
	}
	if err != nil {
		return false, fmt.Errorf("store delivery %s: %w", d.Key, s.damaged(err))
	}
	return inserted == 0, nil
}

// Pending returns at most limit deliveries that are not processed and not postponed beyond now, in order of arrival. One
// that can't be decoded is reported and set aside for an hour.
func (s *Store) Pending(ctx context.Context, now time.Time, limit int) ([]dora.Delivery, error) {
	var deliveries []dora.Delivery
	unreadable := map[int64]error{}
	// The index has what the conditions need, so that those that are postponed cost next to nothing.
	err := s.query(ctx, `SELECT id, source, key, event, received FROM deliveries INDEXED BY deliveries_pending
		WHERE done = 0 AND (due <= ? OR due > ?) ORDER BY id LIMIT ?`,
		[]any{now.UnixMilli(), now.Add(longestWait).UnixMilli(), limit}, func(rows *sql.Rows) error {
			var d dora.Delivery
			var event []byte
			var received int64
			if err := rows.Scan(&d.ID, &d.Source, &d.Key, &event, &received); err != nil {
				return err
			}
			d.Received = fromMillis(received)
			if err := json.Unmarshal(event, &d.Event); err != nil {
				unreadable[d.ID] = fmt.Errorf("decode delivery %s: %w", d.Key, err)
				return nil
			}
			deliveries = append(deliveries, d)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("read pending deliveries: %w", err)
	}
	for id, err := range unreadable {
		s.logger.Error("can't read a delivery, setting it aside for an hour", "delivery", id, "error", err)
		err := s.update(ctx, func(t *tx) error { return t.Postpone(id, now.Add(unreadableWait)) })
		if err != nil {
			return nil, err
		}
	}
	return deliveries, nil
}

// Backlog returns how many deliveries are not processed, when the oldest of them arrived (zero when there is none), and
// how many look-ups are still to be made.
func (s *Store) Backlog(ctx context.Context) (pending int, oldest time.Time, waitingJobs int, err error) {
	var received sql.NullInt64
	err = s.queryRow(ctx, `SELECT (SELECT count(*) FROM deliveries INDEXED BY deliveries_pending WHERE done = 0),
		(SELECT received FROM deliveries INDEXED BY deliveries_pending WHERE done = 0 ORDER BY id LIMIT 1),
		(SELECT count(*) FROM jobs)`, nil, &pending, &received, &waitingJobs)
	if err != nil {
		return 0, time.Time{}, 0, fmt.Errorf("count the backlog: %w", err)
	}
	if received.Valid {
		oldest = fromMillis(received.Int64)
	}
	return pending, oldest, waitingJobs, nil
}

// Finish marks a delivery as processed.
func (t *tx) Finish(delivery int64) error {
	return t.one(delivery, "UPDATE deliveries SET done = 1 WHERE id = ?", delivery)
}

// Postpone keeps a delivery from Pending until a time.
func (t *tx) Postpone(delivery int64, until time.Time) error {
	return t.one(delivery, "UPDATE deliveries SET due = ? WHERE id = ?", until.UnixMilli(), delivery)
}

func (t *tx) one(delivery int64, query string, args ...any) error {
	n, err := t.exec(query, args...)
	if err != nil {
		return fmt.Errorf("change delivery %d: %w", delivery, err)
	}
	if n != 1 {
		return fmt.Errorf("change delivery %d: there is none", delivery)
	}
	return nil
}

// fromMillis is the time of a column.
func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
