package dora

import (
	"slices"
	"time"
)

// Baseline has the values imported from a .prom file that another program, or an exporter with another store, wrote.
type Baseline struct {
	// Hash identifies the content of the file, Source is its path.
	Hash, Source string
	// Values are the imported values. Their series only have Labels, Baseline and BaselineBuckets.
	Values State
	// Bounds are the bounds of the histograms among them, in the unit of their families.
	Bounds map[string][]int64
	// Taken is when the file was imported.
	Taken time.Time
	// Start is when the values started at 0 according to the file; zero if it does not say. It is not read back.
	Start time.Time
}

// Of returns the series of a family by Labels.Key. ok is false for a histogram whose bounds have changed since the import, whose
// buckets can't be added to.
func (b Baseline) Of(f Family) (series map[string]Series, ok bool) {
	values := b.Values[f.Name]
	if len(values) > 0 && f.Kind == Histogram && !slices.Equal(b.Bounds[f.Name], f.Bounds) {
		return nil, false
	}
	return values, true
}
