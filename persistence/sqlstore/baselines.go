package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"dora-exporter/dora"
)

// baselineDetails are the columns of a baseline that are stored as JSON.
type baselineDetails struct {
	Bounds map[string][]int64          `json:"bounds,omitempty"`
	Series map[string][]baselineSeries `json:"series"`
}

type baselineSeries struct {
	Labels  dora.Labels `json:"labels"`
	Value   float64     `json:"value"`
	Buckets []int64     `json:"buckets,omitempty"`
}

// Baselines returns all imported baselines, the oldest first.
func (r *Reader) Baselines(ctx context.Context) ([]dora.Baseline, error) {
	return readAll(ctx, r, "the baselines", "SELECT hash, source, details, taken, checksum FROM baselines ORDER BY taken, hash", nil,
		func(rows *sql.Rows) (b dora.Baseline, err error) {
			var details string
			var taken, sum int64
			if err := rows.Scan(&b.Hash, &b.Source, &details, &taken, &sum); err != nil {
				return b, err
			}
			if err := checkRow(r.path, "the baseline of "+b.Source, sum, b.Hash, b.Source, details, taken); err != nil {
				return b, err
			}
			b.Taken = fromMillis(taken)
			var d baselineDetails
			if err := json.Unmarshal([]byte(details), &d); err != nil {
				return b, &CorruptError{Path: r.path, What: "the baseline of " + b.Source + " can't be read", Err: err}
			}
			b.Bounds, b.Values = d.Bounds, dora.State{}
			for family, all := range d.Series {
				b.Values[family] = map[string]dora.Series{}
				for _, s := range all {
					b.Values[family][s.Labels.Key()] = dora.Series{Labels: s.Labels, Baseline: s.Value, BaselineBuckets: s.Buckets}
				}
			}
			return b, nil
		})
}

// AddBaseline stores a baseline durably, unless one with the same hash exists. Its series begin at its start, or that of the store.
func (s *Store) AddBaseline(ctx context.Context, b dora.Baseline) error {
	started := s.Started()
	earlier := !b.Start.IsZero() && b.Start.Before(started)
	if earlier {
		started = b.Start
	}
	details, err := encodeBaseline(b)
	if err == nil {
		err = s.update(ctx, func(t *tx) error {
			taken := b.Taken.UnixMilli()
			_, err := t.exec("INSERT INTO baselines (hash, source, details, taken, checksum) VALUES (?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING",
				b.Hash, b.Source, details, taken, checksum(b.Hash, b.Source, details, taken))
			if err == nil && earlier {
				_, err = t.exec("UPDATE meta SET value = ? WHERE key = 'started'", started.UTC().Format(time.RFC3339Nano))
			}
			if err != nil {
				return err
			}
			return t.beginImported(b, started)
		})
	}
	if err != nil {
		return fmt.Errorf("import %s: %w", b.Source, err)
	}
	if earlier {
		s.identity.Lock()
		defer s.identity.Unlock()
		s.started = started
	}
	return nil
}

func encodeBaseline(b dora.Baseline) (string, error) {
	d := baselineDetails{Bounds: b.Bounds, Series: map[string][]baselineSeries{}}
	for family, all := range b.Values {
		for _, s := range all {
			d.Series[family] = append(d.Series[family], baselineSeries{s.Labels, s.Baseline, s.BaselineBuckets})
		}
	}
	details, err := json.Marshal(d)
	return string(details), err
}
