package sqlite

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
	f, found, state := q.Family, map[string]*dora.SeriesHistory{}, dora.State{q.Family.Name: {}}
	if err := r.eachImported(ctx, f, func(key string, imported dora.ImportedSeries) {
		if !hasLabels(imported.Labels, q.Labels) {
			return
		}
		state[f.Name][key] = imported.Series // the newest baseline wins
		found[key] = &dora.SeriesHistory{Imported: []dora.ImportedSeries{imported}}
	}); err != nil {
		return nil, err
	}
	stored, err := r.seriesOf(ctx, f.Name)
	if err != nil {
		return nil, err
	}
	families := map[string]dora.Family{f.Name: f}
	for _, series := range stored {
		if !hasLabels(series.labels, q.Labels) {
			continue
		}
		key := series.labels.Key()
		if found[key] == nil {
			found[key] = &dora.SeriesHistory{}
		}
		if q.MaxSeries >= 0 && len(found) > q.MaxSeries {
			return nil, fmt.Errorf("read the facts of %s: %w", f.Name, dora.ErrTooManySeries)
		}
		err := r.facts(ctx, "WHERE series = ?", []any{series.id}, func(fact dora.Fact) error {
			if fact.Value <= q.MaxValue && (f.Kind != dora.Histogram || !fact.Starts()) { // facts that only start a histogram are in no bucket
				addNewestFact(found[key], fact, q.MaxFacts)
			}
			return state.Add(families, fact)
		})
		if err != nil {
			return nil, fmt.Errorf("read the facts of %s: %w", f.Name, err)
		}
	}
	var all []dora.SeriesHistory
	for _, key := range slices.Sorted(maps.Keys(found)) {
		found[key].Series = state[f.Name][key]
		slices.Reverse(found[key].Facts)
		all = append(all, *found[key])
	}
	return all, nil
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
