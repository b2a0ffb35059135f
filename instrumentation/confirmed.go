package instrumentation

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"dora-exporter/dora"
)

// newDeltas makes deltas, which begin must be called for.
func newDeltas(from pushProducer, o *DeltaOptions) *deltas {
	return &deltas{source: from, options: o, started: from.options.Now().Round(0), confirmed: map[seriesKey]seriesTotal{}}
}

// begin continues where the receiver is.
func (d *deltas) begin(ctx context.Context) error {
	pushed, known, err := d.options.Load(ctx)
	if err != nil {
		return err
	}
	if !known {
		return d.startNow(ctx)
	}
	ofFacts := map[string]bool{}
	for name := range d.source.families {
		ofFacts[instrumentNames[name]] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range pushed {
		total := seriesTotal{until: p.Until}
		switch {
		case ofFacts[p.Instrument]:
			total.value, total.buckets = p.Value, p.Buckets
		case d.shared:
			continue
		}
		labels := attributeSet(p.Labels)
		d.confirmed[seriesKey{p.Instrument, labels.Equivalent()}] = total
		d.last = later(d.last, p.Until)
	}
	return nil
}

// startNow takes the totals of all facts for confirmed.
func (d *deltas) startNow(ctx context.Context) error {
	facts, err := d.source.collectFacts(ctx, d.started)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []dora.PushedSeries
	add := func(name string, labels attribute.Set, t seriesTotal) {
		d.confirmed[seriesKey{name, labels.Equivalent()}] = t
		all = append(all, t.pushed(name, labels))
	}
	for _, m := range facts.Metrics {
		name := instrumentNames[m.Name]
		switch data := m.Data.(type) {
		case metricdata.Sum[float64]:
			if !data.IsMonotonic {
				continue
			}
			for _, p := range data.DataPoints {
				add(name, p.Attributes, seriesTotal{value: p.Value})
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				add(name, p.Attributes, seriesTotal{value: p.Sum, buckets: p.BucketCounts})
			}
		}
	}
	d.options.Confirmed(ctx, all)
	return nil
}

func (t seriesTotal) pushed(name string, labels attribute.Set) dora.PushedSeries {
	return dora.PushedSeries{Instrument: name, Labels: labelsOf(labels), Until: t.until, Value: t.value, Buckets: t.buckets}
}

// confirm is called when the receiver has taken a request, which holds all that Produce returned or a part of it.
func (d *deltas) confirm(ctx context.Context, request *metricdata.ResourceMetrics) {
	all, grown := d.markConfirmed(request)
	if len(all) > 0 {
		d.options.Confirmed(ctx, all)
	}
	if grown {
		d.onGrown()
	}
}

// markConfirmed returns what the receiver has now of the series in a request. grown is true if some of them are greater already.
func (d *deltas) markConfirmed(request *metricdata.ResourceMetrics) (all []dora.PushedSeries, grown bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	mark := func(name string, labels attribute.Set) {
		series := seriesKey{name, labels.Equivalent()}
		total := d.pending[series]
		d.confirmed[series] = total
		all, grown = append(all, total.pushed(name, labels)), grown || total.grown
	}
	for _, scope := range request.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[float64]:
				eachDeltaPoint(m.Name, data, mark)
			case metricdata.Sum[int64]:
				eachDeltaPoint(m.Name, data, mark)
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					mark(m.Name, p.Attributes)
				}
			}
		}
	}
	return all, grown
}

// eachDeltaPoint calls f for the points of a sum, unless it is cumulative.
func eachDeltaPoint[N int64 | float64](name string, data metricdata.Sum[N], f func(string, attribute.Set)) {
	if data.Temporality != metricdata.DeltaTemporality {
		return
	}
	for _, p := range data.DataPoints {
		f(name, p.Attributes)
	}
}
