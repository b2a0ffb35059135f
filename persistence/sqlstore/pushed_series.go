package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"dora-exporter/dora"
)

// pushedKey is the key in meta that says that deltas are pushed.
const pushedKey = "deltas"

// Pushed returns what the receiver of deltas has; false if no deltas are pushed.
func (s *Store) Pushed(ctx context.Context) (series []dora.PushedSeries, known bool, err error) {
	if _, known, err = readMeta(s.path, s.queryFunc(ctx), pushedKey); err != nil {
		return nil, false, fmt.Errorf("read whether deltas are pushed: %w", err)
	}
	series, err = readAll(ctx, s.Reader, "the pushed deltas", "SELECT instrument, labels, until, value, buckets, checksum FROM pushed", nil,
		func(rows Rows) (p dora.PushedSeries, err error) {
			var labels, buckets string
			var until sql.NullInt64
			var sum int64
			if err := rows.Scan(&p.Instrument, &labels, &until, &p.Value, &buckets, &sum); err != nil {
				return p, err
			}
			if err := checkRow(s.path, "a pushed series of "+p.Instrument, sum, p.Instrument, labels, until, p.Value, buckets); err != nil {
				return p, err
			}
			if until.Valid {
				p.Until = time.Unix(0, until.Int64).UTC()
			}
			if err := json.Unmarshal([]byte(labels), &p.Labels); err != nil {
				return p, &CorruptError{Path: s.path, What: "a pushed series of " + p.Instrument + " has no readable labels", Err: err}
			}
			if err := json.Unmarshal([]byte(buckets), &p.Buckets); err != nil {
				return p, &CorruptError{Path: s.path, What: "a pushed series of " + p.Instrument + " has no readable buckets", Err: err}
			}
			return p, nil
		})
	return series, known, err
}

// PushQueue is the queue of the lease on the push of metrics in the table leases, if several processes use the store. Its key is empty.
const PushQueue = "push"

// PushHolder returns the name of this process as the holder of that lease.
func (s *Store) PushHolder() string { return s.shared.holder("") }

// checkPush fails if another process has claimed the push.
func (t *tx) checkPush(s *Store) error {
	if s.shared == nil {
		return nil
	}
	var holder string
	held, err := t.queryRow("SELECT client FROM leases WHERE queue = ? AND key = ''", []any{PushQueue}, &holder)
	if err == nil && held && holder != s.PushHolder() {
		err = fmt.Errorf("%w: %s", dora.ErrLeaseLost, PushQueue)
	}
	return err
}

// SetPushed stores that deltas are pushed, and what the receiver has of some series; it leaves the others as they are. It stores nothing
// and fails with dora.ErrLeaseLost if another process has claimed the push.
func (s *Store) SetPushed(ctx context.Context, series []dora.PushedSeries) error {
	err := s.update(ctx, func(t *tx) error {
		if err := t.checkPush(s); err != nil {
			return err
		}
		if err := t.send("INSERT INTO meta (key, value, checksum) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", MetaRow(pushedKey, "")...); err != nil {
			return err
		}
		for _, p := range series {
			if err := t.setPushed(p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store the pushed deltas: %w", err)
	}
	return nil
}

var savePushed = upsert("pushed", "instrument, labels", "until, value, buckets, checksum")

func (t *tx) setPushed(p dora.PushedSeries) error {
	labels, err := json.Marshal(p.Labels)
	if err != nil {
		return err
	}
	buckets, err := json.Marshal(p.Buckets)
	if err != nil {
		return err
	}
	until := sql.NullInt64{Int64: p.Until.UnixNano(), Valid: !p.Until.IsZero()}
	return t.send(savePushed, withChecksum(p.Instrument, string(labels), until, p.Value, string(buckets))...)
}

// ForgetPushed removes what SetPushed has stored, when deltas are no longer pushed.
func (s *Store) ForgetPushed(ctx context.Context) error {
	if _, known, err := s.Pushed(ctx); err != nil || !known {
		return err
	}
	err := s.update(ctx, func(t *tx) error {
		if err := t.send("DELETE FROM meta WHERE key = ?", pushedKey); err != nil {
			return err
		}
		return t.send("DELETE FROM pushed")
	})
	if err != nil {
		return fmt.Errorf("forget the pushed deltas: %w", err)
	}
	return nil
}
