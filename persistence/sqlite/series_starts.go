package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"dora-exporter/dora"
)

// SeriesStarts returns when the series began whose first fact is after a position; all series if it is negative.
func (r *Reader) SeriesStarts(ctx context.Context, after int64) ([]dora.SeriesStart, error) {
	return readAll(ctx, r, "the starts of series", "SELECT family, labels, at FROM series_starts WHERE position > ? ORDER BY position", []any{after},
		func(rows *sql.Rows) (s dora.SeriesStart, err error) {
			var labels string
			var at int64
			if err := rows.Scan(&s.Family, &labels, &at); err != nil {
				return s, err
			}
			s.At = fromMillis(at)
			if err := json.Unmarshal([]byte(labels), &s.Labels); err != nil {
				return s, &CorruptError{Path: r.path, What: "a series of " + s.Family + " has no readable labels", Err: err}
			}
			return s, nil
		})
}

// beginSeries stores when a series began, unless that is known. labels are JSON.
func (t *tx) beginSeries(family, labels string, position int64, at time.Time) error {
	_, err := t.exec("INSERT INTO series_starts (family, labels, position, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
		family, labels, position, at.UnixMilli())
	if err != nil {
		return fmt.Errorf("store when a series of %s began: %w", family, err)
	}
	return nil
}

// beginImported stores that the series of a baseline are older than facts to come.
func (t *tx) beginImported(b dora.Baseline, at time.Time) error {
	for family, all := range b.Values {
		for _, s := range all {
			labels, err := json.Marshal(s.Labels)
			if err != nil {
				return err
			}
			if err := t.beginSeries(family, string(labels), 0, at); err != nil {
				return err
			}
		}
	}
	return nil
}
