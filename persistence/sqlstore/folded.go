package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dora-exporter/dora"
)

// folding knows the sums of the series of a family. What the facts of a series don't add up to was removed.
type folding struct {
	path   string
	family dora.Family
	// position is that of the sums.
	position int64
	// sums are those of series that were not read yet, by Labels.Key.
	sums map[string]dora.Series
	// removed tells whether any facts were removed.
	removed bool
}

// folding reads the sums of a family, from a snapshot. If they are damaged and nothing was removed, the facts suffice: the server sums them up
// again.
func (r *Reader) folding(ctx context.Context, f dora.Family) (*folding, error) {
	removal, err := r.Removal(ctx)
	if err != nil {
		return nil, err
	}
	sums, err := r.sumsOf(ctx, []string{f.Name})
	var corrupt *CorruptError
	if removal.Position == 0 && errors.As(err, &corrupt) {
		sums, err = dora.Sums{}, nil
	}
	return &folding{r.path, f, sums.Position, sums.State[f.Name], removal.Position > 0}, err
}

// addTo adds the part of a series whose facts were removed to its history, which has its other facts. counted is what those of them add up to
// that are in the sums.
func (x *folding) addTo(h *dora.SeriesHistory, counted dora.Series) error {
	key := h.Labels.Key()
	sum, known := x.sums[key]
	if !known {
		return nil
	}
	delete(x.sums, key)
	folded := without(sum, counted, x.family)
	isZero := folded.Own == 0 && folded.At.IsZero()
	switch {
	case !isZero && !x.removed:
		return &CorruptError{Path: x.path, What: fmt.Sprintf("the facts of %s don't add up to its sum: %d is missing", dora.SeriesName(x.family.Name, h.Labels), folded.Own)}
	case !isZero || x.removed && folded.Buckets != nil:
		h.Folded, h.Series = folded, plus(folded, h.Series, x.family)
	}
	return nil
}

// addRest adds the series of a query of which all facts were removed.
func (x *folding) addRest(q dora.SeriesQuery, found map[string]*dora.SeriesHistory) error {
	if !x.removed {
		return nil
	}
	for _, sum := range x.sums {
		if !hasLabels(sum.Labels, q.Labels) || sum.Own == 0 && sum.At.IsZero() && sum.Buckets == nil {
			continue
		}
		h, err := historyIn(found, sum.Labels, q)
		if err != nil {
			return err
		}
		h.Folded, h.Series = sum, plus(sum, h.Series, x.family)
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
