package sqlstore

import (
	"context"
	"slices"

	"dora-exporter/dora"
)

// addFolded adds what facts add up to that were removed to the series of a query, which have their other facts. The sums have facts
// that are still there, too, so these are taken off.
func (r *Reader) addFolded(ctx context.Context, q dora.SeriesQuery, found map[string]*dora.SeriesHistory) error {
	removal, err := r.Removal(ctx)
	if err != nil || removal.Position == 0 {
		return err
	}
	sums, err := r.Sums(ctx)
	if err != nil {
		return err
	}
	both, families := dora.State{}, map[string]dora.Family{q.Family.Name: q.Family}
	err = r.facts(ctx, "WHERE series IN (SELECT id FROM series WHERE family = "+textID+") AND facts.position <= ?", []any{q.Family.Name, sums.Position},
		func(f dora.Fact) error { return both.Add(families, f) })
	if err != nil {
		return err
	}
	for key, series := range sums.State[q.Family.Name] {
		if !hasLabels(series.Labels, q.Labels) {
			continue
		}
		facts, remaining := both[q.Family.Name][key]
		folded := without(series, facts, q.Family)
		if remaining && folded.Own == 0 && folded.At.IsZero() && folded.Buckets == nil {
			continue
		}
		if found[key] == nil {
			found[key] = &dora.SeriesHistory{}
		}
		if q.MaxSeries >= 0 && len(found) > q.MaxSeries {
			return dora.ErrTooManySeries
		}
		found[key].Folded = folded
		found[key].Series = plus(folded, found[key].Series, q.Family)
	}
	return nil
}

// without returns a series without facts that it has. Of a Last family, it may be one of these.
func without(s, facts dora.Series, f dora.Family) dora.Series {
	if f.Kind == dora.Last {
		if s.At.Equal(facts.At) && s.ID == facts.ID {
			return dora.Series{Labels: s.Labels}
		}
		return s
	}
	s.Own -= facts.Own
	buckets := s.OwnBuckets(f)
	for i, n := range facts.Buckets {
		buckets[i] -= n
	}
	s.Buckets = nil
	if slices.ContainsFunc(buckets, func(n int64) bool { return n != 0 }) {
		s.Buckets = buckets
	}
	return s
}

// plus returns a series of removed facts together with that of the others.
func plus(folded, s dora.Series, f dora.Family) dora.Series {
	s.Labels = folded.Labels
	if f.Kind == dora.Last {
		if (dora.Fact{At: folded.At, ID: folded.ID}).Newer(s.At, s.ID) {
			s.Own, s.At, s.ID = folded.Own, folded.At, folded.ID
		}
		return s
	}
	s.Own += folded.Own
	if f.Kind == dora.Histogram && folded.Buckets != nil {
		s.Buckets = s.OwnBuckets(f)
		for i, n := range folded.Buckets {
			s.Buckets[i] += n
		}
	}
	return s
}
