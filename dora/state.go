package dora

import (
	"fmt"
	"slices"
	"time"
)

// State has the values of all series: the sum of a baseline and of all facts up to a position.
type State map[string]map[string]Series // family, Labels.Key

// Series is one series of a State.
type Series struct {
	Labels Labels
	// Baseline is the value imported from a .prom file of another program, as published there; of a Histogram, the sum of its
	// observations.
	Baseline float64
	// Own is the sum of the facts (Counter, Sum, Histogram) or the newest one (Last), in the family's unit.
	Own int64
	// BaselineBuckets and Buckets are the numbers of imported and own observations in each bucket of a Histogram; nil if there are
	// none. The buckets are those of Family.Bounds and +Inf; they are not cumulative.
	BaselineBuckets, Buckets []int64
	// At and ID are those of the newest fact of a Last family; At is zero if there is none.
	At time.Time
	ID int64
}

// Value returns the published value; of a Histogram, the sum of its observations. Whole numbers are added up before they are scaled, so
// that the value has the same bits whenever it is computed.
func (s Series) Value(f Family) float64 {
	switch {
	case f.Kind == Last && s.At.IsZero():
		return s.Baseline
	case f.Kind == Last:
		return f.Unit.Scale(s.Own)
	}
	return s.Baseline + f.Unit.Scale(s.Own)
}

// Counts returns the number of observations of a Histogram in each bucket and in all.
func (s Series) Counts(f Family) (buckets []int64, all int64) {
	buckets = s.OwnBuckets(f)
	for i, n := range s.BaselineBuckets {
		buckets[i] += n
	}
	for _, n := range buckets {
		all += n
	}
	return buckets, all
}

// OwnBuckets returns a copy of Buckets, with zeros if it is nil.
func (s Series) OwnBuckets(f Family) []int64 {
	buckets := make([]int64, len(f.Bounds)+1)
	copy(buckets, s.Buckets)
	return buckets
}

// bucket returns the index of the bucket of a value: the first whose bound is not below it.
func (f Family) bucket(value int64) int {
	i, _ := slices.BinarySearch(f.Bounds, value)
	return i
}

// Add adds facts to the state.
func (s State) Add(families map[string]Family, facts ...Fact) error {
	for _, fact := range facts {
		family, ok := families[fact.Family]
		if !ok {
			return fmt.Errorf("fact %d: no family %q", fact.Position, fact.Family)
		}
		key := fact.Labels.Key()
		if s[fact.Family] == nil {
			s[fact.Family] = map[string]Series{}
		}
		series, ok := s[fact.Family][key]
		if !ok {
			series.Labels = fact.Labels
		}
		s[fact.Family][key] = series.With(family, fact)
	}
	return nil
}

// With returns the series with a fact of its family added. A fact of a Histogram is one observation, or none if it only starts the
// series.
func (s Series) With(f Family, fact Fact) Series {
	switch {
	case f.Kind == Histogram && fact.Starts():
	case f.Kind == Histogram:
		s.Own += fact.Value
		s.Buckets = s.OwnBuckets(f) // a copy: earlier copies of the series keep their counts
		s.Buckets[f.bucket(fact.Value)]++
	case f.Kind != Last:
		s.Own += fact.Value
	case fact.Newer(s.At, s.ID):
		s.Own, s.At, s.ID = fact.Value, fact.At, fact.ID
	}
	return s
}

// FamiliesByName returns all families by name.
func FamiliesByName() map[string]Family {
	all := map[string]Family{}
	for _, f := range Families() {
		all[f.Name] = f
	}
	return all
}
