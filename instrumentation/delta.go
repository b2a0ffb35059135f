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
// The instruments stay cumulative. Next to them, deltas keeps what the receiver has confirmed of each series: its total and the end of
// its last interval. It pushes the difference, in an interval that starts exactly there: receivers that add up deltas take a gap or an
// overlap for a reset. A series without additions is not sent, and its next interval covers the silence. A push that fails confirms
// nothing, so the next one contains its additions too. A push is split into several requests, each of which confirms only its own
// series.
//
// A series is first sent with 0, and its value with the next push, so that a receiver that shows totals shows where it started.
//
// For restarts, the store remembers what is confirmed. The totals of facts are restored and continue; the program's own metrics
// start at 0 again, and only their intervals continue.
//
// Up-down counters and gauges stay cumulative, as the specification wants it.
// https://opentelemetry.io/docs/specs/otel/metrics/sdk_exporters/otlp/

// DeltaOptions describe what the receiver got from earlier processes.
type DeltaOptions struct {
	// Load returns what the receiver has; known is false if no process has pushed deltas: then what was counted until now is not pushed.
	// It is called each time before this server begins to push.
	Load func(context.Context) (pushed []dora.PushedSeries, known bool, err error)
	// Confirmed is called with each series of which the receiver has more than before.
	Confirmed func(context.Context, []dora.PushedSeries)
}

// deltas produces the additions that the receiver has not confirmed. It satisfies go.opentelemetry.io/otel/sdk/metric.Producer.
type deltas struct {
	source  pushProducer
	options *DeltaOptions
	// onGrown is called when a series has been sent with 0 that is greater already.
	onGrown func()
	started time.Time
	// shared is true if other servers push, too. Their own metrics are other series.
	shared bool

	mu sync.Mutex
	// confirmed are the totals that the receiver has, pending those that it has after the newest push.
	confirmed, pending map[seriesKey]seriesTotal
	// last is the time of the newest push, of this process or an earlier one.
	last time.Time
}

// seriesKey identifies a series of an instrument.
type seriesKey struct {
	name   string
	labels attribute.Distinct
}

// seriesTotal is the cumulative value of a series.
type seriesTotal struct {
	// until is the end of the last interval; zero if there was none.
	until   time.Time
	value   float64
	buckets []uint64
	// grown is true if the series was greater at that time.
	grown bool
}

// Produce is called for each push.
func (d *deltas) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	// After the last push, even if the machine's clock was set back.
	now := later(d.source.options.Now().Round(0), d.last.Add(time.Nanosecond))
	scopes, err := d.source.produce(ctx, now)
	if err != nil {
		return nil, err
	}
	d.last, d.pending = now, map[seriesKey]seriesTotal{}
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
		total := seriesTotal{until: p.Time, value: float64(p.Value)}
		start, before, send := d.next(seriesKey{name, p.Attributes.Equivalent()}, p.StartTime, total)
		if !send {
			continue
		}
		p.StartTime, p.Value = start, N(subtract(total.value, before.value))
		points = append(points, p)
	}
	if points == nil {
		return nil
	}
	return metricdata.Sum[N]{DataPoints: points, Temporality: metricdata.DeltaTemporality, IsMonotonic: true}
}

func (d *deltas) deltaHistogram(name string, data metricdata.Histogram[float64]) metricdata.Aggregation {
	var points []metricdata.HistogramDataPoint[float64]
	for _, p := range data.DataPoints {
		total := seriesTotal{until: p.Time, value: p.Sum, buckets: p.BucketCounts}
		start, before, send := d.next(seriesKey{name, p.Attributes.Equivalent()}, p.StartTime, total)
		if !send {
			continue
		}
		p.StartTime, p.Sum, p.Count = start, subtract(p.Sum, before.value), 0
		p.BucketCounts = slices.Clone(p.BucketCounts) // the pending total has the others
		for bucket := range p.BucketCounts {
			if bucket < len(before.buckets) {
				p.BucketCounts[bucket] -= before.buckets[bucket]
			}
			p.Count += p.BucketCounts[bucket]
		}
		points = append(points, p)
	}
	if points == nil {
		return nil
	}
	return metricdata.Histogram[float64]{DataPoints: points, Temporality: metricdata.DeltaTemporality}
}

// next returns where the next interval of a series starts and the total at its start; send is false if nothing was added. The first
// interval of a series adds nothing.
func (d *deltas) next(series seriesKey, began time.Time, total seriesTotal) (start time.Time, before seriesTotal, send bool) {
	before = d.confirmed[series]
	added := total.value != before.value || !slices.Equal(total.buckets, before.buckets)
	if !before.until.IsZero() {
		if added {
			d.pending[series] = total
		}
		return before.until, before, added
	}
	if before.buckets == nil && total.buckets != nil {
		before.buckets = make([]uint64, len(total.buckets))
		added = total.count() > 0
	}
	d.pending[series] = seriesTotal{until: total.until, value: before.value, buckets: before.buckets, grown: added}
	start = later(began, d.started)
	if !start.Before(total.until) {
		start = total.until.Add(-time.Nanosecond)
	}
	return start, total, true
}

func (t seriesTotal) count() (all uint64) {
	for _, n := range t.buckets {
		all += n
	}
	return all
}

// subtract is exact to the millisecond, like the values.
func subtract(a, b float64) float64 { return math.Round((a-b)*1000) / 1000 }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
