package export

import (
	"time"

	"dora-exporter/dora"
)

// change is a fact of a series.
type change struct {
	// at is in Unix milliseconds.
	at, id, value int64
}

// total has the values of the series of a label set after some changes.
type total struct {
	family dora.Family
	series dora.Series
	// debt is how much less than the sum of the changes is still to be shown, or 0. A late event may correct a sum of durations downwards
	// at a time before the duration that it corrects: shown as it is, that would be a reset.
	debt int64
	// values are the published values in the order of Family.Published.
	values []float64
}

func newTotal(f dora.Family) *total {
	return &total{family: f, values: make([]float64, len(f.Published()))}
}

// add adds a change.
func (t *total) add(c change) {
	if t.family.Kind == dora.Sum && t.family.Unit == dora.Milliseconds {
		c.value, t.debt = max(0, c.value+t.debt), min(0, c.value+t.debt)
	}
	t.series = t.series.With(t.family, dora.Fact{Value: c.value, At: time.UnixMilli(c.at), ID: c.id})
	if t.family.Kind != dora.Histogram {
		t.values[0] = t.series.Value(t.family)
		return
	}
	buckets, all := t.series.Counts(t.family)
	var below int64
	for i, n := range buckets {
		below += n
		t.values[i] = float64(below)
	}
	t.values[len(buckets)], t.values[len(buckets)+1] = t.series.Value(t.family), float64(all)
}

// reset sets all values to 0.
func (t *total) reset() { clear(t.values) }
