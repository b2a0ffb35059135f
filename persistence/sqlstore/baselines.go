package sqlstore

import (
	"context"
	"fmt"
	"time"

	"dora-exporter/dora"
)

// baselineDetails are the values of a baseline as they are stored, by codec.
type baselineDetails struct {
	Bounds map[string][]int64          `json:"bounds,omitempty"`
	Series map[string][]baselineSeries `json:"series"`
}

type baselineSeries struct {
	Labels  dora.Labels `json:"labels"`
	Value   float64     `json:"value"`
	Buckets []int64     `json:"buckets,omitempty"`
}

// labelsWithKey is a label set that families share, with its Labels.Key.
type labelsWithKey struct {
	key    string
	labels dora.Labels
}

// Baselines returns all imported baselines, the oldest first.
func (r *Reader) Baselines(ctx context.Context) ([]dora.Baseline, error) {
	return readAll(ctx, r, "the baselines", "SELECT hash, source, details, taken, checksum FROM baselines ORDER BY taken, hash", nil,
		func(rows Rows) (b dora.Baseline, err error) {
			var details []byte
			var taken, sum int64
			if err := rows.Scan(&b.Hash, &b.Source, &details, &taken, &sum); err != nil {
				return b, err
			}
			if err := checkRow(r.path, "the baseline of "+b.Source, sum, b.Hash, b.Source, details, taken); err != nil {
				return b, err
			}
			b.Taken = fromMillis(taken)
			var d baselineDetails
			if err := r.codec.decode(details, &d); err != nil {
				return b, &CorruptError{Path: r.path, What: "the baseline of " + b.Source + " can't be read", Err: err}
			}
			b.Bounds, b.Values = d.Bounds, dora.State{}
			sets := map[string]labelsWithKey{}
			for family, all := range d.Series {
				b.Values[family] = make(map[string]dora.Series, len(all))
				for _, s := range all {
					key := s.Labels.Key()
					set, known := sets[key]
					if !known {
						set = labelsWithKey{key, s.Labels}
						sets[key] = set
					}
					b.Values[family][set.key] = dora.Series{Labels: set.labels, Baseline: s.Value, BaselineBuckets: s.Buckets}
				}
				delete(d.Series, family)
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
	details, err := s.codec.encode(detailsOf(b))
	if err == nil {
		err = s.update(ctx, func(t *tx) error {
			taken := b.Taken.UnixMilli()
			err := t.send("INSERT INTO baselines (hash, source, details, taken, checksum) VALUES (?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING",
				b.Hash, b.Source, details, taken, checksum(b.Hash, b.Source, details, taken))
			if err == nil && earlier {
				err = t.SaveMeta(startedKey, started.UTC().Format(time.RFC3339Nano))
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

func detailsOf(b dora.Baseline) baselineDetails {
	d := baselineDetails{Bounds: b.Bounds, Series: map[string][]baselineSeries{}}
	for family, all := range b.Values {
		series := make([]baselineSeries, 0, len(all))
		for _, s := range all {
			series = append(series, baselineSeries{s.Labels, s.Baseline, s.BaselineBuckets})
		}
		d.Series[family] = series
	}
	return d
}
