package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"dora-exporter/dora"
)

// Sums returns the sums that SaveSums stored last; its zero value if there are none. Sums that are damaged, or not all there, are a
// *CorruptError.
func (r *Reader) Sums(ctx context.Context) (s dora.Sums, err error) {
	err = r.Snapshot(ctx, func(r *Reader) error {
		rows, err := r.sumRows(ctx)
		if err != nil {
			return err
		}
		s, err = r.sumsOf(ctx, rows)
		return err
	})
	if err != nil {
		return dora.Sums{}, fmt.Errorf("read the sums of the facts: %w", err)
	}
	return s, nil
}

// sumRow is a row of the table sums as it is stored.
type sumRow struct {
	own, at, id int64
	buckets     string
	checksum    int64
}

// sumKey is the key of a sumRow.
type sumKey struct{ family, labels string }

func (k sumKey) checksum(row sumRow) int64 {
	return checksum(k.family, k.labels, row.own, row.at, row.id, row.buckets)
}

// sumRows returns the rows of all series.
func (r *Reader) sumRows(ctx context.Context) (map[sumKey]sumRow, error) {
	all := map[sumKey]sumRow{}
	err := r.query(ctx, "SELECT family, labels, own, at, id, buckets, checksum FROM sums", nil, func(rows *sql.Rows) error {
		var key sumKey
		var row sumRow
		if err := rows.Scan(&key.family, &key.labels, &row.own, &row.at, &row.id, &row.buckets, &row.checksum); err != nil {
			return err
		}
		all[key] = row
		return checkRow(r.path, "the sum of a series of "+key.family, row.checksum, key.family, key.labels, row.own, row.at, row.id, row.buckets)
	})
	return all, err
}

// sumsOf decodes the rows of all series.
func (r *Reader) sumsOf(ctx context.Context, rows map[sumKey]sumRow) (dora.Sums, error) {
	var s dora.Sums
	var bounds string
	var all, sum int64
	known := false
	err := r.query(ctx, "SELECT position, bounds, rows, checksum FROM sums_position", nil, func(rows *sql.Rows) error {
		known = true
		return rows.Scan(&s.Position, &bounds, &all, &sum)
	})
	switch {
	case err != nil:
		return s, err
	case !known && len(rows) == 0:
		return s, nil
	case !known || all != rowsSum(rows) || sum != checksum(s.Position, bounds, all):
		return s, &CorruptError{Path: r.path, What: "the sums of the facts are not all there"}
	}
	if err := json.Unmarshal([]byte(bounds), &s.Bounds); err != nil {
		return s, &CorruptError{Path: r.path, What: "the bounds of the sums can't be read", Err: err}
	}
	s.State = dora.State{}
	for key, row := range rows {
		series := dora.Series{Own: row.own, ID: row.id}
		if row.at != zeroMillis {
			series.At = fromMillis(row.at)
		}
		if err := errors.Join(json.Unmarshal([]byte(key.labels), &series.Labels), json.Unmarshal([]byte(row.buckets), &series.Buckets)); err != nil {
			return s, &CorruptError{Path: r.path, What: "the sum of a series of " + key.family + " can't be read", Err: err}
		}
		if s.State[key.family] == nil {
			s.State[key.family] = map[string]dora.Series{}
		}
		s.State[key.family][series.Labels.Key()] = series
	}
	return s, nil
}

// zeroMillis is the zero time as a column.
var zeroMillis = time.Time{}.UnixMilli()

// rowsSum is the same for the same rows in any order.
func rowsSum(rows map[sumKey]sumRow) (sum int64) {
	for _, row := range rows {
		sum += row.checksum
	}
	return sum
}

// SaveSums replaces the sums. It writes only the series that have changed. It must not be called again before it has returned.
func (s *Store) SaveSums(ctx context.Context, sums dora.Sums) error {
	rows, err := s.sumRows(ctx)
	var corrupt *CorruptError
	unusable := errors.As(err, &corrupt)
	if unusable {
		rows = map[sumKey]sumRow{}
	} else if err != nil {
		return fmt.Errorf("save the sums of the facts: %w", err)
	}
	changed, err := encodeSums(sums, rows)
	if err != nil {
		return fmt.Errorf("save the sums of the facts: %w", err)
	}
	bounds, err := json.Marshal(sums.Bounds)
	if err != nil {
		return fmt.Errorf("save the sums of the facts: %w", err)
	}
	err = s.update(ctx, func(t *tx) error {
		if unusable {
			if _, err := t.exec("DELETE FROM sums"); err != nil {
				return err
			}
		}
		for _, key := range changed {
			row := rows[key]
			_, err := t.exec("INSERT OR REPLACE INTO sums (family, labels, own, at, id, buckets, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)",
				key.family, key.labels, row.own, row.at, row.id, row.buckets, row.checksum)
			if err != nil {
				return err
			}
		}
		all := rowsSum(rows)
		_, err := t.exec("INSERT OR REPLACE INTO sums_position (id, position, bounds, rows, checksum) VALUES (1, ?, ?, ?, ?)",
			sums.Position, string(bounds), all, checksum(sums.Position, string(bounds), all))
		return err
	})
	if err != nil {
		return fmt.Errorf("save the sums of the facts: %w", err)
	}
	return nil
}

// encodeSums sets the rows of all series and returns the keys of those that it has changed.
func encodeSums(sums dora.Sums, rows map[sumKey]sumRow) (changed []sumKey, err error) {
	for family, all := range sums.State {
		for _, series := range all {
			labels, err := json.Marshal(series.Labels)
			if err != nil {
				return nil, err
			}
			key := sumKey{family, string(labels)}
			row := sumRow{own: series.Own, at: series.At.UnixMilli(), id: series.ID, buckets: "null"}
			if slices.ContainsFunc(series.Buckets, func(n int64) bool { return n != 0 }) {
				buckets, err := json.Marshal(series.Buckets)
				if err != nil {
					return nil, err
				}
				row.buckets = string(buckets)
			}
			row.checksum = key.checksum(row)
			if known, ok := rows[key]; !ok || known != row {
				rows[key] = row
				changed = append(changed, key)
			}
		}
	}
	return changed, nil
}
