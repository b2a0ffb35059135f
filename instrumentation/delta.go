package instrumentation

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"dora-exporter/dora"
)

// DeltaOptions say what has arrived at the receiver before this process, which goes on from there.
type DeltaOptions struct {
	// Position is that of the newest restored fact, Missing what of the restored values has not arrived.
	Position int64
	Missing  dora.State
	// Arrived is called when all facts up to a position have arrived.
	Confirmed func(ctx context.Context, position int64)
}

// deltas produces what was added to counters and histograms since it last arrived at the receiver. So what a failed push had is
// in the next one. All else is as it is: up-down counters and gauges are cumulative for a receiver of deltas, too.
// https://opentelemetry.io/docs/specs/otel/metrics/sdk_exporters/otlp/
type deltas struct {
	source  pushProducer
	options *DeltaOptions
	now     func() time.Time
	started time.Time

	mu                 sync.Mutex
	confirmed, pending map[seriesKey]seriesTotal
	// position is that of the newest fact in what was produced last, underway how many of its points have not arrived.
	position    int64
	unconfirmed int
	// told is the position that Arrived has been called with.
	reported int64
}

// seriesKey is one series of one instrument.
type seriesKey struct {
	name   string
	labels attribute.Distinct
}

// seriesTotal is what a series had come to at a time.
type seriesTotal struct {
	at      time.Time
	value   float64
	count   uint64
	buckets []uint64
}

func newDeltas(ctx context.Context, from pushProducer, o *DeltaOptions, now func() time.Time) (*deltas, error) {
	d := &deltas{source: from, options: o, now: now, started: now(), confirmed: map[seriesKey]seriesTotal{}, position: o.Position, reported: -1}
	facts, _, err := from.collectFacts(ctx) // the program's own metrics begin with the process
	if err != nil {
		return nil, err
	}
	d.pending = map[seriesKey]seriesTotal{}
	for _, m := range facts.Metrics {
		m.Name = instrumentNames[m.Name]
		d.delta(m)
	}
	d.confirmed = d.pending
	for family, series := range o.Missing {
		for _, one := range series {
			labels := attributeSet(one.Labels)
			key := seriesKey{instrumentNames[family], labels.Equivalent()}
			if had, ok := d.confirmed[key]; ok { // else it is of a kind that has no deltas
				d.confirmed[key] = had.minus(one, from.families[family].Unit)
			}
		}
	}
	return d, nil
}

// minus is what a series had reached before something was added.
func (r seriesTotal) minus(added dora.Series, unit dora.Unit) seriesTotal {
	r.value = subtract(r.value, unit.Scale(added.Own))
	r.buckets = slices.Clone(r.buckets)
	for bucket, n := range added.Buckets {
		r.count -= uint64(n)
		r.buckets[bucket] -= uint64(n)
	}
	return r
}

// Produce is called for each push.
func (d *deltas) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	scopes, position, err := d.source.produce(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pending, d.position, d.unconfirmed = map[seriesKey]seriesTotal{}, max(position, d.options.Position), 0
	for n, scope := range scopes {
		var some []metricdata.Metrics
		for _, m := range scope.Metrics {
			if data := d.delta(m); data != nil {
				m.Data = data
				some = append(some, m)
			}
		}
		scopes[n].Metrics = some
	}
	return scopes, nil
}

// arrived notes that the receiver has what Produce gave, or a part of it.
func (d *deltas) confirm(ctx context.Context, all *metricdata.ResourceMetrics) {
	if position, further := d.markConfirmed(all); further {
		d.options.Confirmed(ctx, position)
	}
}

// markConfirmed notes it; further is set when all facts up to a position have arrived that is new.
func (d *deltas) markConfirmed(all *metricdata.ResourceMetrics) (position int64, further bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	note := func(name string, labels attribute.Set) {
		key := seriesKey{name, labels.Equivalent()}
		d.confirmed[key] = d.pending[key]
		d.unconfirmed--
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[float64]:
				eachDeltaPoint(m.Name, data, note)
			case metricdata.Sum[int64]:
				eachDeltaPoint(m.Name, data, note)
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					note(m.Name, p.Attributes)
				}
			}
		}
	}
	further = d.unconfirmed == 0 && d.position != d.reported
	if further {
		d.reported = d.position
	}
	return d.position, further
}

func eachDeltaPoint[N int64 | float64](name string, data metricdata.Sum[N], note func(string, attribute.Set)) {
	if data.Temporality != metricdata.DeltaTemporality {
		return
	}
	for _, p := range data.DataPoints {
		note(name, p.Attributes)
	}
}

// delta turns a metric into what was added to it; nil when nothing was.
func (d *deltas) delta(m metricdata.Metrics) metricdata.Aggregation {
	switch data := m.Data.(type) {
	case metricdata.Sum[float64]:
		return deltaSum(d, m.Name, data)
	case metricdata.Sum[int64]:
		return deltaSum(d, m.Name, data)
	case metricdata.Histogram[float64]:
		return d.deltaHistogram(m.Name, data)
	}
	return m.Data
}

func deltaSum[N int64 | float64](d *deltas, name string, data metricdata.Sum[N]) metricdata.Aggregation {
	if !data.IsMonotonic {
		return data
	}
	var points []metricdata.DataPoint[N]
	for _, p := range data.DataPoints {
		before := d.update(name, p.Attributes, seriesTotal{value: float64(p.Value)})
		p.StartTime, p.Time = before.at, d.now()
		if p.Value = N(subtract(float64(p.Value), before.value)); p.Value != 0 {
			points = append(points, p)
		}
	}
	if points == nil {
		return nil
	}
	d.unconfirmed += len(points)
	return metricdata.Sum[N]{DataPoints: points, Temporality: metricdata.DeltaTemporality, IsMonotonic: true}
}

func (d *deltas) deltaHistogram(name string, data metricdata.Histogram[float64]) metricdata.Aggregation {
	var points []metricdata.HistogramDataPoint[float64]
	for _, p := range data.DataPoints {
		before := d.update(name, p.Attributes, seriesTotal{value: p.Sum, count: p.Count, buckets: p.BucketCounts})
		p.StartTime, p.Time = before.at, d.now()
		if p.Count -= before.count; p.Count == 0 {
			continue
		}
		p.Sum = subtract(p.Sum, before.value)
		added := make([]uint64, len(p.BucketCounts)) // what has been reached stays as it is
		for bucket, n := range p.BucketCounts {
			added[bucket] = n
			if bucket < len(before.buckets) {
				added[bucket] -= before.buckets[bucket]
			}
		}
		p.BucketCounts = added
		points = append(points, p)
	}
	if points == nil {
		return nil
	}
	d.unconfirmed += len(points)
	return metricdata.Histogram[float64]{DataPoints: points, Temporality: metricdata.DeltaTemporality}
}

// update notes what a series has reached now, and returns what of it has arrived.
func (d *deltas) update(name string, labels attribute.Set, now seriesTotal) seriesTotal {
	key := seriesKey{name, labels.Equivalent()}
	now.at = d.now()
	d.pending[key] = now
	before, ok := d.confirmed[key]
	if !ok {
		before.at = d.started
	}
	return before
}

// subtract is exact to the millisecond, as the values are.
func subtract(a, b float64) float64 { return math.Round((a-b)*1000) / 1000 }
