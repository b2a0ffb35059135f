package sqlstore

import (
	"context"
	"fmt"
	"time"

	"dora-exporter/dora"
)

// seriesKey identifies a series: the id of the family's name, and the labels as JSON.
type seriesKey struct {
	family int64
	labels string
}

// storedSeries is a row of the table series.
type storedSeries struct {
	id     int64
	labels dora.Labels
}

// seriesOf returns the series of a family that have begun.
func (r *Reader) seriesOf(ctx context.Context, family string) ([]storedSeries, error) {
	return readAll(ctx, r, "the series of "+family, "SELECT id, labels FROM series WHERE family = "+textID, []any{family},
		func(rows Rows) (s storedSeries, err error) {
			var labels string
			if err := rows.Scan(&s.id, &labels); err != nil {
				return s, err
			}
			s.labels, err = r.seriesLabels(family, labels)
			return s, err
		})
}

// SeriesStarts calls add for the series whose first fact is after a position; for all series if it is negative.
func (r *Reader) SeriesStarts(ctx context.Context, after int64, add func(dora.SeriesStart)) error {
	const query = "SELECT text, family, labels, position, at, checksum FROM series JOIN texts ON texts.id = family WHERE position > ? ORDER BY position"
	err := r.query(ctx, query, []any{after}, func(rows Rows) (err error) {
		var s dora.SeriesStart
		var labels string
		var family, position, at, sum int64
		if err := rows.Scan(&s.Family, &family, &labels, &position, &at, &sum); err != nil {
			return err
		}
		if err := checkRow(r.path, "a series of "+s.Family, sum, family, labels, position, at); err != nil {
			return err
		}
		s.At = fromMillis(at)
		if s.Labels, err = r.seriesLabels(s.Family, labels); err == nil {
			add(s)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the starts of series: %w", err)
	}
	return nil
}

func (r *Reader) seriesLabels(family, text string) (labels dora.Labels, err error) {
	if labels, err = parseLabels(text); err != nil {
		return nil, &CorruptError{Path: r.path, What: "a series of " + family + " has no readable labels", Err: err}
	}
	return labels, nil
}

// findSeries returns the id of a series, 0 if it has not begun.
func (t *tx) findSeries(key seriesKey) (id int64, err error) {
	if id, ok := t.series.get(key); ok {
		return id, nil
	}
	known, err := t.queryRow("SELECT id FROM series WHERE family = ? AND labels = ?", []any{key.family, key.labels}, &id)
	if err != nil {
		return 0, fmt.Errorf("look for the series %s: %w", key.labels, err)
	}
	if known {
		t.series.add(key, id)
	}
	return id, nil
}

// beginSeries stores when a series began, and returns its id.
func (t *tx) beginSeries(key seriesKey, position int64, at time.Time) (int64, error) {
	id, err := t.insert("INSERT INTO series (family, labels, position, at, checksum) VALUES (?, ?, ?, ?, ?) RETURNING id", withChecksum(key.family, key.labels, position, at.UnixMilli())...)
	if err != nil {
		return 0, fmt.Errorf("store when the series %s began: %w", key.labels, err)
	}
	t.series.add(key, id)
	return id, nil
}

// beginImported stores that the series of a baseline are older than facts to come.
func (t *tx) beginImported(b dora.Baseline, at time.Time) error {
	for name, all := range b.Values {
		family, err := t.text(name)
		if err != nil {
			return err
		}
		for _, s := range all {
			labels, err := labelsText(s.Labels)
			if err != nil {
				return err
			}
			key := seriesKey{family, labels}
			if id, err := t.findSeries(key); err != nil || id != 0 {
				if err != nil {
					return err
				}
				continue
			}
			if _, err := t.beginSeries(key, 0, at); err != nil {
				return err
			}
		}
	}
	t.series.rollback() // there may be many, and most get no facts
	return nil
}
