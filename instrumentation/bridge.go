package instrumentation

import (
	"context"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"dora-exporter/dora"
)

// The instruments hold only what was recorded since the start, but a scrape must show totals that survive restarts. OpenTelemetry
// can't initialise an instrument with a value. The bridge therefore reads the instruments of an inner meter provider, adds
// to each series its base (the value restored from the checkpoint), and hands the sums to the exporters as a Producer.
// A producer bypasses the SDK's views and naming, so the bridge also gives the documented Prometheus names; the push gives
// the OpenTelemetry names (push.go).
//
// Sums are added in whole units (dora.Unit), not in floating point: a regrouped floating point sum could be one bit less
// after a restart, which Prometheus takes for a counter reset.
//
// selfProducer produces the program's own metrics under their Prometheus names. It satisfies Producer, too.
type selfProducer struct{ *Instruments }

// Produce is called by the Prometheus exporter at each scrape.
func (b selfProducer) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	self, err := b.collectSelf(ctx, b.options.Now())
	return []metricdata.ScopeMetrics{withPrometheusNames(self)}, err
}

// collectFacts returns the families of facts under their documented names, as of now.
func (i *Instruments) collectFacts(ctx context.Context, now time.Time) (facts metricdata.ScopeMetrics, err error) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.collectFamilies(ctx, nil, now)
}

// collectFamilies returns the series in only, or all if only is nil. i.mu is held.
func (i *Instruments) collectFamilies(ctx context.Context, only map[string]seriesSet, now time.Time) (facts metricdata.ScopeMetrics, err error) {
	live, err := i.collectInstruments(ctx)
	if err != nil {
		return facts, err
	}
	facts.Scope = instrumentation.Scope{Name: factScope}
	for _, f := range i.options.Families {
		if only != nil && only[f.Name] == nil {
			continue
		}
		if m, ok := i.toMetric(f, live[instrumentNames[f.Name]], only[f.Name], now); ok {
			facts.Metrics = append(facts.Metrics, m)
		}
	}
	return facts, nil
}

// State returns the totals of all series: the base plus what was recorded.
func (i *Instruments) State() dora.State {
	i.mu.RLock()
	defer i.mu.RUnlock()
	state := dora.State{}
	live, err := i.collectInstruments(context.Background())
	if err != nil {
		panic(fmt.Sprintf("read our own instruments: %v", err)) // a manual reader fails only after its shutdown
	}
	labels := map[string]dora.Labels{} // families share them
	for _, f := range i.options.Families {
		all := map[string]dora.Series{}
		for _, s := range i.merge(f, live[instrumentNames[f.Name]], nil) {
			key := s.key()
			if labels[key] == nil {
				labels[key] = dora.ParseLabels(key)
			}
			s.Labels = labels[key]
			all[key] = s.Series
		}
		if len(all) > 0 {
			state[f.Name] = all
		}
	}
	return state
}

// collectInstruments returns the data of the instruments of facts by name.
func (i *Instruments) collectInstruments(ctx context.Context) (live map[string]metricdata.Aggregation, err error) {
	var all metricdata.ResourceMetrics
	if err := i.reader.Collect(ctx, &all); err != nil {
		return nil, fmt.Errorf("collect the instruments: %w", err)
	}
	live = map[string]metricdata.Aggregation{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			live[m.Name] = m.Data
		}
	}
	return live, nil
}

// mergedSeries is a restored series with what was recorded since, without Labels.
type mergedSeries struct {
	// labels is dora.Labels.Key of a restored series; attributes has the labels of another one.
	labels     string
	attributes attribute.Set
	dora.Series
}

// key returns dora.Labels.Key.
func (m mergedSeries) key() string {
	if m.labels == "" {
		return labelsOf(m.attributes).Key()
	}
	return m.labels
}

func (m mergedSeries) attributeSet() attribute.Set {
	if m.labels == "" {
		return m.attributes
	}
	return attributeSet(dora.ParseLabels(m.labels))
}

// merge adds the data of a family's instrument to its base, for the series in only or, if only is nil, for all.
func (i *Instruments) merge(f dora.Family, live metricdata.Aggregation, only seriesSet) map[attribute.Distinct]mergedSeries {
	merged := map[attribute.Distinct]mergedSeries{}
	base := i.base[f.Name]
	for key := range only {
		if series, ok := base[key]; ok {
			merged[key] = series.merged()
		}
	}
	if only == nil {
		for key, series := range base {
			merged[key] = series.merged()
		}
	}
	lookup := func(set attribute.Set) (key attribute.Distinct, series mergedSeries, wanted bool) {
		key = set.Equivalent()
		if _, wanted = only[key]; only != nil && !wanted {
			return key, series, false
		}
		series, ok := merged[key]
		if !ok {
			series.attributes = set
		}
		return key, series, true
	}
	switch data := live.(type) {
	case metricdata.Sum[float64]:
		for _, point := range data.DataPoints {
			key, series, wanted := lookup(point.Attributes)
			if !wanted {
				continue
			}
			series.Own += i.recordedSum(f, key, point.Value)
			merged[key] = series
		}
	case metricdata.Gauge[float64]:
		for _, point := range data.DataPoints {
			key, series, wanted := lookup(point.Attributes)
			if !wanted {
				continue
			}
			newest := i.newest[f.Name][key]
			series.Own, series.At, series.ID = toInteger(f, point.Value), newest.at, newest.id
			merged[key] = series
		}
	case metricdata.Histogram[float64]:
		for _, point := range data.DataPoints {
			key, series, wanted := lookup(point.Attributes)
			if !wanted {
				continue
			}
			series.Own += i.recordedSum(f, key, point.Sum)
			series.Buckets = series.OwnBuckets(f) // a copy: the base stays as it is
			for bucket, n := range point.BucketCounts {
				series.Buckets[bucket] += int64(n)
			}
			merged[key] = series
		}
	}
	return merged
}

// toMetric returns a family in the SDK's form; false if it has no series.
func (i *Instruments) toMetric(f dora.Family, live metricdata.Aggregation, only seriesSet, now time.Time) (metricdata.Metrics, bool) {
	series := i.merge(f, live, only)
	m := metricdata.Metrics{Name: f.Name, Description: f.Help}
	if f.Kind == dora.Histogram {
		m.Data = i.toHistogram(f, series, now)
		return m, len(series) > 0
	}
	points := make([]metricdata.DataPoint[float64], 0, len(series))
	for key, s := range series {
		points = append(points, metricdata.DataPoint[float64]{
			Attributes: s.attributeSet(), StartTime: i.startOf(f.Name, key, now), Time: now, Value: s.Value(f),
		})
	}
	if f.Kind == dora.Last {
		m.Data = metricdata.Gauge[float64]{DataPoints: points}
	} else {
		m.Data = metricdata.Sum[float64]{
			DataPoints: points, Temporality: metricdata.CumulativeTemporality, IsMonotonic: f.Kind == dora.Counter,
		}
	}
	return m, len(points) > 0
}

// toHistogram returns a histogram family without minimum and maximum, which a base does not have.
func (i *Instruments) toHistogram(f dora.Family, series map[attribute.Distinct]mergedSeries, now time.Time) metricdata.Histogram[float64] {
	points := make([]metricdata.HistogramDataPoint[float64], 0, len(series))
	bounds := f.UpperBounds()
	for key, s := range series {
		counts, all := s.Counts(f)
		buckets := make([]uint64, len(counts))
		for bucket, n := range counts {
			buckets[bucket] = uint64(n)
		}
		points = append(points, metricdata.HistogramDataPoint[float64]{
			Attributes: s.attributeSet(), StartTime: i.startOf(f.Name, key, now), Time: now,
			Count: uint64(all), Sum: s.Value(f), Bounds: bounds, BucketCounts: buckets,
		})
	}
	return metricdata.Histogram[float64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality}
}

// recordedSum returns the recorded part of a series of kind Counter, Sum or Histogram.
func (i *Instruments) recordedSum(f dora.Family, series attribute.Distinct, recorded float64) int64 {
	if f.Unit == dora.Milliseconds {
		return i.sums[f.Name][series]
	}
	return toInteger(f, recorded)
}

// toInteger converts a recorded value back into the whole numbers of its family.
func toInteger(f dora.Family, recorded float64) int64 {
	if f.Unit == dora.Milliseconds {
		return int64(math.Round(recorded * float64(time.Second/time.Millisecond)))
	}
	return int64(math.Round(recorded))
}
