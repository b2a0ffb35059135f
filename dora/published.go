package dora

import "strconv"

// PublishedSeries is one of the Prometheus series of a label set of a family.
type PublishedSeries struct {
	Name string
	// Bound is the value of the label le of a bucket, as /metrics writes it; empty for other series.
	Bound string
}

// Published returns the Prometheus series of a label set: of a Histogram, the cumulative buckets with +Inf last, the sum and the count.
func (f Family) Published() (all []PublishedSeries) {
	if f.Kind != Histogram {
		return []PublishedSeries{{Name: f.Name}}
	}
	for _, bound := range f.UpperBounds() {
		all = append(all, PublishedSeries{f.Name + "_bucket", strconv.FormatFloat(bound, 'g', -1, 64)})
	}
	return append(all, PublishedSeries{f.Name + "_bucket", "+Inf"}, PublishedSeries{Name: f.Name + "_sum"}, PublishedSeries{Name: f.Name + "_count"})
}
