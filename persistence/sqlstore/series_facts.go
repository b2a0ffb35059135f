package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"dora-exporter/dora"
)

// seriesFact is what the index facts_series has of a fact.
type seriesFact struct{ position, at, value int64 }

// seriesFacts returns the facts of a stored series, the newest first by time and then by position, but for those that only start a histogram.
// With SQLite it reads the index alone, which is a fraction of the facts. Facts that are listed have checksums.
func (r *Reader) seriesFacts(ctx context.Context, f dora.Family, series int64) ([]seriesFact, error) {
	all, err := readAll(ctx, r, "a series in the index of facts", "SELECT facts.position, facts.at, value FROM facts WHERE "+ofSeries+" = ?", []any{series},
		func(rows Rows) (f seriesFact, err error) {
			err = rows.Scan(&f.position, &f.at, &f.value)
			return f, err
		})
	if err == nil && f.Kind == dora.Histogram {
		all, err = r.withoutStarts(ctx, all)
	}
	slices.SortFunc(all, func(a, b seriesFact) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.position, a.position)) })
	return all, err
}

// withoutStarts returns facts but for those that only start a series.
func (r *Reader) withoutStarts(ctx context.Context, all []seriesFact) ([]seriesFact, error) {
	zeros := slices.DeleteFunc(slices.Clone(all), func(f seriesFact) bool { return f.value != 0 })
	facts, err := r.indexedFacts(ctx, zeros)
	starts := map[int64]bool{}
	for _, f := range facts {
		starts[f.Position] = f.Starts()
	}
	return slices.DeleteFunc(all, func(f seriesFact) bool { return starts[f.position] }), err
}

// withFacts returns a series with facts added, the newest of which come first.
func (r *Reader) withFacts(ctx context.Context, s dora.Series, f dora.Family, facts []seriesFact) (dora.Series, error) {
	if f.Kind == dora.Last { // of those of the last time, their numbers decide
		newest, err := r.indexedFacts(ctx, facts[:endOfTime(facts, min(1, len(facts)))])
		slices.SortFunc(newest, func(a, b dora.Fact) int { return cmp.Compare(a.Position, b.Position) })
		for _, fact := range newest {
			s = s.With(f, fact)
		}
		return s, err
	}
	for _, fact := range facts {
		s = s.With(f, dora.Fact{Value: fact.value})
	}
	return s, nil
}

// endOfTime returns how many of some facts that are sorted by time come before those of another time than the last of the first n.
func endOfTime(facts []seriesFact, n int) int {
	for n > 0 && n < len(facts) && facts[n].at == facts[n-1].at {
		n++
	}
	return n
}

// newestFacts returns the newest of some facts by time, number and position, the newest first; all if limit is negative.
func (r *Reader) newestFacts(ctx context.Context, facts []seriesFact, limit int) ([]dora.Fact, error) {
	if limit < 0 {
		limit = len(facts)
	}
	all, err := r.indexedFacts(ctx, facts[:endOfTime(facts, min(limit, len(facts)))])
	slices.SortFunc(all, func(a, b dora.Fact) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID), cmp.Compare(b.Position, a.Position))
	})
	return all[:min(limit, len(all))], err
}

// indexedFacts reads facts. If one is missing or differs from its entry in the index, it is a *CorruptError.
func (r *Reader) indexedFacts(ctx context.Context, entries []seriesFact) (all []dora.Fact, err error) {
	known := map[int64]seriesFact{}
	for _, entry := range entries {
		known[entry.position] = entry
	}
	for chunk := range slices.Chunk(entries, maxQueryValues) {
		positions := make([]int64, len(chunk))
		for i, entry := range chunk {
			positions[i] = entry.position
		}
		list, values := listOf(positions)
		err := r.facts(ctx, "WHERE facts.position IN "+list, values, func(f dora.Fact) error {
			if known[f.Position] != (seriesFact{f.Position, f.At.UnixMilli(), f.Value}) {
				return &CorruptError{Path: r.path, What: fmt.Sprintf("fact %d differs from its entry in an index", f.Position)}
			}
			all = append(all, f)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(all) < len(entries) {
		return nil, &CorruptError{Path: r.path, What: "an index of the facts has some that are missing"}
	}
	return all, nil
}
