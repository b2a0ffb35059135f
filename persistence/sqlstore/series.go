package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// SeriesHistory returns the series that a query selects, sorted by their labels.
func (r *Reader) SeriesHistory(ctx context.Context, q dora.SeriesQuery) ([]dora.SeriesHistory, error) {
	found, err := r.importedHistory(ctx, q)
	if err != nil {
		return nil, err
	}
	begun, err := r.seriesOf(ctx, q.Family.Name)
	if err != nil {
		return nil, err
	}
	for _, series := range begun {
		if !hasLabels(series.labels, q.Labels) {
			continue
		}
		key := series.labels.Key()
		if found[key] == nil {
			found[key] = &dora.SeriesHistory{Series: dora.Series{Labels: series.labels}}
		}
		if q.MaxSeries >= 0 && len(found) > q.MaxSeries {
			return nil, fmt.Errorf("read the facts of %s: %w", q.Family.Name, dora.ErrTooManySeries)
		}
		if err := r.addHistory(ctx, found[key], q, series.id); err != nil {
			return nil, fmt.Errorf("read the facts of %s: %w", q.Family.Name, err)
		}
	}
	if err := r.addFolded(ctx, q, found); err != nil {
		return nil, fmt.Errorf("read the facts of %s: %w", q.Family.Name, err)
	}
	var all []dora.SeriesHistory
	for _, key := range slices.Sorted(maps.Keys(found)) {
		slices.Reverse(found[key].Facts)
		all = append(all, *found[key])
	}
	return all, nil
}

// importedHistory returns the imported series that a query selects, by Labels.Key. The value is that of the newest baseline.
func (r *Reader) importedHistory(ctx context.Context, q dora.SeriesQuery) (map[string]*dora.SeriesHistory, error) {
	found := map[string]*dora.SeriesHistory{}
	err := r.eachImported(ctx, q.Family, func(key string, imported dora.ImportedSeries) {
		if hasLabels(imported.Labels, q.Labels) {
			found[key] = &dora.SeriesHistory{Series: imported.Series, Imported: []dora.ImportedSeries{imported}}
		}
	})
	return found, err
}

// addHistory adds the facts of a stored series.
func (r *Reader) addHistory(ctx context.Context, h *dora.SeriesHistory, q dora.SeriesQuery, id int64) error {
	return r.facts(ctx, "WHERE "+ofSeries+" = ? ORDER BY facts.at", []any{id}, func(f dora.Fact) error {
		h.Series = h.With(q.Family, f)
		if f.Value <= q.MaxValue && (q.Family.Kind != dora.Histogram || !f.Starts()) { // facts that only start a histogram are in no bucket
			addNewestFact(h, f, q.MaxFacts)
		}
		return nil
	})
}

// addNewestFact counts a fact and inserts it by time, the oldest first. If there are more than limit then, it drops the oldest; a
// negative limit means none.
func addNewestFact(s *dora.SeriesHistory, f dora.Fact, limit int) {
	s.FactCount++
	at, _ := slices.BinarySearchFunc(s.Facts, f, func(a, f dora.Fact) int {
		return cmp.Or(a.At.Compare(f.At), cmp.Compare(a.ID, f.ID), cmp.Compare(a.Position, f.Position))
	})
	s.Facts = slices.Insert(s.Facts, at, f)
	if limit >= 0 && len(s.Facts) > limit {
		s.Facts = slices.Delete(s.Facts, 0, 1)
	}
}

// hasLabels reports whether labels contain all of subset.
func hasLabels(labels, subset dora.Labels) bool {
	for name, value := range subset {
		if labels[name] != value {
			return false
		}
	}
	return true
}

// eachImported calls add for each series of a family in the baselines, the oldest baseline first.
func (r *Reader) eachImported(ctx context.Context, f dora.Family, add func(key string, imported dora.ImportedSeries)) error {
	all, err := r.Baselines(ctx)
	if err != nil {
		return err
	}
	for _, b := range all {
		values, _ := b.Of(f)
		for key, series := range values {
			add(key, dora.ImportedSeries{Series: series, Source: b.Source, At: b.Taken})
		}
	}
	return nil
}

// FactsAbout returns the facts of all families whose subject is one of the subjects or begins with one of them and a slash, in the
// order of time.
func (r *Reader) FactsAbout(ctx context.Context, subjects ...string) ([]dora.Fact, error) {
	all := map[int64]dora.Fact{}
	for _, subject := range subjects {
		stem, rest := cutStem(subject)
		args := append([]any{stem, rest}, continuing(subject)...)
		err := r.facts(ctx, "WHERE stem = "+textID+" AND rest = ? OR "+continued, args, func(f dora.Fact) error {
			all[f.Position] = f
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the facts about %s: %w", subject, err)
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b dora.Fact) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Family, b.Family), cmp.Compare(a.Position, b.Position))
	}), nil
}
