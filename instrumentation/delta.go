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

// With temporality delta, a push holds what was added to counters and histograms since the last push that the receiver took.
// The instruments stay cumulative. Next to them, deltas keeps the total of each series that the receiver has confirmed, and
// pushes the difference. A push that fails confirms nothing, so the next one contains its additions too. A push is split into
// several requests, each of which confirms only its own series.
//
// For restarts, the store remembers the position of the newest fact up to which everything is confirmed. The next process
// computes from the facts after that position what the receiver lacks (DeltaOptions.Missing), and subtracts it from the
// restored totals: the rest is what counts as confirmed at the start.
//
// Up-down counters and gauges stay cumulative, as the specification wants it.
// https://opentelemetry.io/docs/specs/otel/metrics/sdk_exporters/otlp/

// DeltaOptions describe what the receiver got from earlier processes.
type DeltaOptions struct {
	// Position is the position of the newest restored fact. Missing is the part of the restored values that the receiver has
	// not got.
	Position int64
	Missing  dora.State
	// Confirmed is called when the receiver has all facts up to a new position.
	Confirmed func(ctx context.Context, position int64)
}

// deltas produces the additions that the receiver has not confirmed. It satisfies go.opentelemetry.io/otel/sdk/metric.Producer.
type deltas struct {
	source  pushProducer
	options *DeltaOptions
	now     func() time.Time
	started time.Time

	mu sync.Mutex
	// confirmed are the totals that the receiver has, pending those of the newest push.
	confirmed, pending map[seriesKey]seriesTotal
	// position is the position of the newest fact in the newest push, and unconfirmed the number of its points that the
	// receiver has not taken.
	position    int64
	unconfirmed int
	// reported is the last position that Confirmed was called with; -1 before the first call.
	reported int64
}

// seriesKey identifies a series of an instrument.
type seriesKey struct {
	name   string
	labels attribute.Distinct
}

// seriesTotal is the cumulative value of a series at a time.
type seriesTotal struct {
	at      time.Time
	value   float64
	count   uint64
	buckets []uint64
}

// newDeltas starts with the restored totals, minus what is missing, as confirmed. The program's own metrics start at 0.
func newDeltas(ctx context.Context, from pushProducer, o *DeltaOptions, now func() time.Time) (*deltas, error) {
	d := &deltas{source: from, options: o, now: now, started: now(), confirmed: map[seriesKey]seriesTotal{}, position: o.Position, reported: -1}
	facts, _, err := from.collectFacts(ctx)
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
		for _, missing := range series {
			labels := attributeSet(missing.Labels)
			key := seriesKey{instrumentNames[family], labels.Equivalent()}
			if total, ok := d.confirmed[key]; ok { // families that stay cumulative are not in it
				d.confirmed[key] = total.minus(missing, from.families[family].Unit)
			}
		}
	}
	return d, nil
}

// minus returns the total without an addition.
func (t seriesTotal) minus(added dora.Series, unit dora.Unit) seriesTotal {
	t.value = subtract(t.value, unit.Scale(added.Own))
	t.buckets = slices.Clone(t.buckets)
	for bucket, n := range added.Buckets {
		t.count -= uint64(n)
		t.buckets[bucket] -= uint64(n)
	}
	return t
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
		var changed []metricdata.Metrics
		for _, m := range scope.Metrics {
			if data := d.delta(m); data != nil {
				m.Data = data
				changed = append(changed, m)
			}
		}
		scopes[n].Metrics = changed
	}
	return scopes, nil
}

// confirm is called when the receiver has taken a request, which holds all that Produce returned or a part of it.
func (d *deltas) confirm(ctx context.Context, request *metricdata.ResourceMetrics) {
	if position, advanced := d.markConfirmed(request); advanced {
		d.options.Confirmed(ctx, position)
	}
}

// markConfirmed returns the position up to which all facts are confirmed; advanced is false unless that is a new one.
func (d *deltas) markConfirmed(request *metricdata.ResourceMetrics) (position int64, advanced bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	mark := func(name string, labels attribute.Set) {
		key := seriesKey{name, labels.Equivalent()}
		d.confirmed[key] = d.pending[key]
		d.unconfirmed--
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
	advanced = d.unconfirmed == 0 && d.position != d.reported
	if advanced {
		d.reported = d.position
	}
	return d.position, advanced
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

// delta returns what was added to a metric; nil if nothing was. Metrics that stay cumulative are returned unchanged.
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
		added := make([]uint64, len(p.BucketCounts)) // a new slice: the pending total has the old one
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

// update sets the pending total of a series and returns the confirmed one.
func (d *deltas) update(name string, labels attribute.Set, total seriesTotal) seriesTotal {
	key := seriesKey{name, labels.Equivalent()}
	total.at = d.now()
	d.pending[key] = total
	before, ok := d.confirmed[key]
	if !ok {
		before.at = d.started
	}
	return before
}

// subtract is exact to the millisecond, like the values.
func subtract(a, b float64) float64 { return math.Round((a-b)*1000) / 1000 }
