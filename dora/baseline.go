package dora

import (
	"slices"
	"time"
)

// Baseline is what was taken over from a .prom file that another program, or an exporter with another store, wrote.
type Baseline struct {
	// Hash identifies the file, Source is the path at which it was found.
	Hash, Source string
	// Values are those that were taken. Their series have Labels, Baseline and BaselineBuckets only.
	Values State
	// Bounds are the bounds of the histograms among them, in the unit of their families.
	Bounds map[string][]int64
	// Taken is when it was taken over.
	Taken time.Time
	// Start is when its values started at nothing, as the file says; zero if it does not. It is not read back.
	Start time.Time
}

// Of returns the series of a family by Labels.Key. It returns none, and false, for a histogram whose bounds have changed since:
// its buckets can't be added to.
func (b Baseline) Of(f Family) (map[string]Series, bool) {
	values := b.Values[f.Name]
	if len(values) > 0 && f.Kind == Histogram && !slices.Equal(b.Bounds[f.Name], f.Bounds) {
		return nil, false
	}
	return values, true
}
