package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"dora-exporter/dora"
)

// Accept stores a delivery unless one with the same key exists or was removed; a dead letter is replaced, since it may be damaged. When Accept
// returns nil, the delivery, or the one that it duplicates, is on the disk. If ctx ends first, the delivery may have been stored. The
// error is ErrBacklog if too many deliveries are pending, ErrOverloaded if too many wait to be written.
func (s *Store) Accept(ctx context.Context, d dora.Delivery) (duplicate bool, err error) {
	event, err := s.codec.encode(d.Event)
	if err != nil {
		return false, fmt.Errorf("encode delivery %s: %w", d.Key, err)
	}
	if s.inbox != nil {
		begin, rest := cutStem(d.Key)
		stored, err := s.inbox.accept(ctx, &Row{
			Source: d.Source, Key: d.Key, Stem: begin, Rest: rest, Removed: removedKey{removedDelivery, d.Key}.hash(), About: about(d.Event),
			Event: event, Received: d.Received.UnixMilli(), Checksum: deliverySum(d, event),
		})
		if err != nil {
			return false, fmt.Errorf("store delivery %s: %w", d.Key, err)
		}
		return !stored, nil
	}
	var inserted int64
	o := newOp(func(t *tx) (err error) {
		inserted = 0
		if removed, err := t.wasRemoved(removedDelivery, d.Key); err != nil || removed {
			return err
		}
		if inserted, err = t.checkBacklog(d.Key); err != nil || inserted == 0 {
			return err
		}
		begin, rest := cutStem(d.Key)
		stem, err := t.text(begin)
		if err != nil {
			return err
		}
		inserted, err = t.exec(`INSERT INTO deliveries (source, stem, rest, about, event, received, due, checksum) VALUES (?, ?, ?, ?, ?, ?, 0, ?)
			ON CONFLICT (stem, rest) DO UPDATE SET about = excluded.about, event = excluded.event, received = excluded.received,
				checksum = excluded.checksum, due = 0, waiting_since = NULL, attempts = 0, store_failures = 0, state = 0 WHERE deliveries.state = 2`,
			d.Source, stem, rest, about(d.Event), event, d.Received.UnixMilli(), deliverySum(d, event))
		t.pendingDelta += int(inserted)
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

// DeliveriesWait reports whether Accept waits until the update that is being made has ended.
func (s *Store) DeliveriesWait() bool { return s.inbox == nil }

// Add stores a delivery unless one with the same key exists or was removed.
func (t deliveryTx) Add(d dora.Delivery) (bool, error) {
	added, err := t.add(d)
	if err != nil {
		return false, fmt.Errorf("store delivery %s: %w", d.Key, err)
	}
	return added, nil
}

func (t deliveryTx) add(d dora.Delivery) (bool, error) {
	event, err := t.writer.codec.encode(d.Event)
	if err != nil {
		return false, err
	}
	if removed, err := t.wasRemoved(removedDelivery, d.Key); err != nil || removed {
		return false, err
	}
	begin, rest := cutStem(d.Key)
	stem, err := t.text(begin)
	if err != nil {
		return false, err
	}
	added, err := t.exec(`INSERT INTO deliveries (source, stem, rest, about, event, received, due, checksum) VALUES (?, ?, ?, ?, ?, ?, 0, ?)
		ON CONFLICT (stem, rest) DO NOTHING`, d.Source, stem, rest, about(d.Event), event, d.Received.UnixMilli(), deliverySum(d, event))
	t.pendingDelta += int(added)
	return added == 1, err
}

// about returns by what deliveries of an event are found: the number of its deployment or the name of its issue.
func about(e dora.Event) string {
	switch {
	case e.Incident != nil:
		return e.Incident.Key
	case e.Status != nil || e.Deployment != nil:
		return strconv.FormatInt(e.Target().ID, 10)
	}
	return ""
}

// pendingQuery has its limit in a subquery, as others have that run again and again with another limit: SQLite makes the plan of "LIMIT ?" anew
// with each other value.
const pendingQuery = "INDEXED BY deliveries_due WHERE state = 0 AND due <= ? ORDER BY due, id LIMIT (SELECT ? + 0)"

// Pending returns at most limit deliveries that are pending and due at now: first those that were never postponed, in order of
// arrival, then the others, the longest due first. Deliveries that can't be decoded have Unreadable set.
func (r *Reader) Pending(ctx context.Context, now time.Time, limit int) ([]dora.Delivery, error) {
	deliveries, err := r.deliveries(ctx, pendingQuery, now.UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("read pending deliveries: %w", err)
	}
	return deliveries, nil
}

// pendingIn is Pending for a queue: deliveries that can't be decoded are among the others.
func pendingIn(r *Reader, ctx context.Context, now time.Time, limit int) (all []dora.Delivery, unreadable map[string]error, err error) { //nolint:revive // as a method expression
	all, err = r.Pending(ctx, now, limit)
	return all, nil, err
}

func (r *Reader) deliveries(ctx context.Context, query string, args ...any) ([]dora.Delivery, error) {
	var deliveries []dora.Delivery
	const columns = "SELECT id, source, " + wholeText + ", event, received, waiting_since, attempts, store_failures, checksum FROM deliveries "
	err := r.query(ctx, columns+query, args, func(rows Rows) error {
		var d dora.Delivery
		var event sql.RawBytes
		var received int64
		var since sql.NullInt64
		var sum int64
		if err := rows.Scan(&d.ID, &d.Source, &d.Key, &event, &received, &since, &d.Attempts, &d.StoreFailures, &sum); err != nil {
			return err
		}
		d.Received = fromMillis(received)
		if since.Valid {
			d.WaitingSince = fromMillis(since.Int64)
		}
		err := r.codec.decode(event, &d.Event)
		if err == nil && sum != deliverySum(d, event) {
			err = errors.New("checksum mismatch")
		}
		if err != nil {
			d.Event, d.Unreadable = dora.Event{}, fmt.Errorf("read the stored event: %w", err)
		}
		deliveries = append(deliveries, d)
		return nil
	})
	return deliveries, err
}

func deliverySum(d dora.Delivery, event []byte) int64 {
	s := make(summed, 0, 1024)
	return s.text(d.Source).text(d.Key).bytes(event).number(d.Received.UnixMilli()).sum()
}

// Done marks a delivery as processed.
func (t deliveryTx) Done(delivery int64) error {
	t.pendingDelta--
	return t.updateDelivery(delivery, true, "UPDATE deliveries SET state = 1 WHERE id = ? AND state = 0", delivery)
}

// Retry postpones a delivery whose processing failed, and stores the number of attempts, at how many of them the store failed, and the error.
func (t deliveryTx) Retry(delivery int64, attempts, storeFailures int, why string, until time.Time) error {
	return t.updateDelivery(delivery, false, "UPDATE deliveries SET attempts = ?, store_failures = ?, error = ?, due = ? WHERE id = ? AND state = 0",
		attempts, storeFailures, why, until.UnixMilli(), delivery)
}

// SetAside makes a delivery that can't be processed a dead letter, which stays out of Pending until a person retries it.
func (t deliveryTx) SetAside(delivery int64, attempts int, why string) error {
	t.pendingDelta--
	return t.updateDelivery(delivery, true, "UPDATE deliveries SET attempts = ?, error = ?, state = 2 WHERE id = ? AND state = 0", attempts, why, delivery)
}

// Postpone postpones a delivery that has been waiting for its team since a time.
func (t deliveryTx) Postpone(delivery int64, since, until time.Time) error {
	return t.updateDelivery(delivery, false, "UPDATE deliveries SET waiting_since = ?, due = ?, error = '' WHERE id = ? AND state = 0", since.UnixMilli(), until.UnixMilli(), delivery)
}

func (t *tx) updateDelivery(delivery int64, ends bool, query string, args ...any) error {
	if err := t.checkLease(work{deliveryQueue, strconv.FormatInt(delivery, 10)}, ends); err != nil {
		return err
	}
	if err := t.sendOne(fmt.Errorf("change delivery %d: it is not pending", delivery), query, args...); err != nil {
		return fmt.Errorf("change delivery %d: %w", delivery, err)
	}
	return nil
}

// fromMillis converts a column with Unix milliseconds.
func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
