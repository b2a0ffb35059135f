package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"dora-exporter/dora"
)

// Accept stores a delivery unless one with the same key is there; one that is set aside is replaced, since it may be
// damaged. When it returns without an error the delivery is on the
// disk, also the first one of a duplicate. When ctx ends first the delivery may be stored all the same. The error is
// ErrBacklog when too many are pending, ErrOverloaded when too many wait to be written.
func (s *Store) Accept(ctx context.Context, d dora.Delivery) (duplicate bool, err error) {
	event, err := json.Marshal(d.Event)
	if err != nil {
		return false, fmt.Errorf("encode delivery %s: %w", d.Key, err)
	}
	var inserted int64
	o := newOp(func(t *tx) (err error) {
		if inserted, err = t.room(d.Key); err != nil || inserted == 0 {
			return err
		}
		inserted, err = t.exec(`INSERT INTO deliveries (source, key, event, received, due, checksum) VALUES (?, ?, ?, ?, 0, ?)
			ON CONFLICT (key) DO UPDATE SET event = excluded.event, received = excluded.received, checksum = excluded.checksum,
				due = 0, waiting_since = NULL, attempts = 0, state = 0 WHERE state = 2`,
			d.Source, d.Key, string(event), d.Received.UnixMilli(), deliverySum(d, string(event)))
		t.pending += int(inserted)
		return err
	})
	o.single, o.bounded = true, true
	err = s.writer.do(ctx, o)
	if errors.Is(err, errUnderWay) {
		err = ctx.Err()
	}
	if err != nil {
		return false, fmt.Errorf("store delivery %s: %w", d.Key, s.damaged(err))
	}
	return inserted == 0, nil
}

const pendingQuery = "INDEXED BY deliveries_due WHERE state = 0 AND due <= ? ORDER BY due, id LIMIT ?"

// Pending returns at most limit deliveries that are not processed and not postponed beyond now: those that have not been
// postponed in order of arrival, then the others, the longest due first. One that can't be decoded has Unreadable set.
func (s *Store) Pending(ctx context.Context, now time.Time, limit int) ([]dora.Delivery, error) {
	deliveries, err := s.deliveries(ctx, pendingQuery, now.UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("read pending deliveries: %w", err)
	}
	return deliveries, nil
}

func (r *Reader) deliveries(ctx context.Context, query string, args ...any) ([]dora.Delivery, error) {
	var deliveries []dora.Delivery
	const columns = "SELECT id, source, key, event, received, waiting_since, attempts, checksum FROM deliveries "
	err := r.query(ctx, columns+query, args, func(rows *sql.Rows) error {
		var d dora.Delivery
		var event []byte
		var received int64
		var since sql.NullInt64
		var sum int64
		if err := rows.Scan(&d.ID, &d.Source, &d.Key, &event, &received, &since, &d.Attempts, &sum); err != nil {
			return err
		}
		d.Received = fromMillis(received)
		if since.Valid {
			d.WaitingSince = fromMillis(since.Int64)
		}
		err := json.Unmarshal(event, &d.Event)
		if err == nil && sum != deliverySum(d, string(event)) {
			err = errors.New("it does not match its checksum")
		}
		if err != nil {
			d.Event, d.Unreadable = dora.Event{}, fmt.Errorf("read the stored event: %w", err)
		}
		deliveries = append(deliveries, d)
		return nil
	})
	return deliveries, err
}

func deliverySum(d dora.Delivery, event string) int64 {
	return checksum(d.Source, d.Key, event, d.Received.UnixMilli())
}

// Done marks a delivery as processed.
func (t deliveryTx) Done(delivery int64) error {
	t.pending--
	return t.one(delivery, "UPDATE deliveries SET state = 1 WHERE id = ? AND state = 0", delivery)
}

// Retry keeps a delivery that can't be processed from Pending until a time, with the number of attempts and why.
func (t deliveryTx) Retry(delivery int64, attempts int, why string, until time.Time) error {
	return t.one(delivery, "UPDATE deliveries SET attempts = ?, error = ?, due = ? WHERE id = ? AND state = 0", attempts, why, until.UnixMilli(), delivery)
}

// SetAside takes a delivery that can't be processed out of Pending until a person wants it to be tried again.
func (t deliveryTx) SetAside(delivery int64, attempts int, why string) error {
	t.pending--
	return t.one(delivery, "UPDATE deliveries SET attempts = ?, error = ?, state = 2 WHERE id = ? AND state = 0", attempts, why, delivery)
}

// Postpone keeps a delivery, which has been waiting for its team since a time, from Pending until another.
func (t deliveryTx) Postpone(delivery int64, since, until time.Time) error {
	return t.one(delivery, "UPDATE deliveries SET waiting_since = ?, due = ? WHERE id = ? AND state = 0", since.UnixMilli(), until.UnixMilli(), delivery)
}

func (t *tx) one(delivery int64, query string, args ...any) error {
	if err := t.checkLease(work{deliveryQueue, strconv.FormatInt(delivery, 10)}); err != nil {
		return err
	}
	n, err := t.exec(query, args...)
	if err != nil {
		return fmt.Errorf("change delivery %d: %w", delivery, err)
	}
	if n != 1 {
		return fmt.Errorf("change delivery %d: it is not pending", delivery)
	}
	return nil
}

// fromMillis is the time of a column.
func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
