package dora

import (
	"fmt"
	"time"
)

// State is what all series have reached: the sum of a baseline and of all facts up to a position.
type State map[string]map[string]Series // family, Labels.Key

// Series is one series of a State.
type Series struct {
	Labels Labels
	// Baseline is the value that was taken over from a .prom file of another program, as it stood there.
	Baseline float64
	// Own is what the facts add up to (Counter, Sum) or the newest one says (Last), in the family's unit.
	Own int64
	// At and ID are those of the newest fact of a Last family; At is zero before the first.
	At time.Time
	ID int64
}

// Value is the published value. The whole numbers are added up before they are scaled, so that it has the same bits
// whenever it is computed.
func (s Series) Value(f Family) float64 {
	switch {
	case f.Kind == Last && s.At.IsZero():
		return s.Baseline
	case f.Kind == Last:
		return f.Unit.Scale(s.Own)
	}
	return s.Baseline + f.Unit.Scale(s.Own)
}

// Add adds facts of known families to the state.
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
		switch {
		case family.Kind != Last:
			series.Own += fact.Value
		case fact.Newer(series.At, series.ID):
			series.Own, series.At, series.ID = fact.Value, fact.At, fact.ID
		}
		s[fact.Family][key] = series
	}
	return nil
}

// FamiliesByName are the families by their names.
func FamiliesByName() map[string]Family {
	all := map[string]Family{}
	for _, f := range Families() {
		all[f.Name] = f
	}
	return all
}
