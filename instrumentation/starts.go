package instrumentation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"dora-exporter/dora"
)

// Each series has a start time of its own: just before it had its first value. A receiver that adds a sample of 0 at that time sees
// the first value as an increase. A start that is much older than the first value would be too old for that sample.
// https://opentelemetry.io/docs/specs/otel/metrics/data-model/#resets-and-gaps

// Begin records when series began. It is called before Restore for all series, and before Record for those that the facts start.
func (i *Instruments) Begin(starts []dora.SeriesStart) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, s := range starts {
		if i.starts[s.Family] == nil {
			i.starts[s.Family] = map[attribute.Distinct]int64{}
		}
		labels := attributeSet(s.Labels)
		i.starts[s.Family][labels.Equivalent()] = s.At.UnixNano()
	}
	i.seriesBegan = i.seriesBegan || len(starts) > 0 && i.restored
}

// startOf returns when a series of a family of facts began, but no time after now: the machine's clock may have been set back. i.mu
// is held.
func (i *Instruments) startOf(family string, series attribute.Distinct, now time.Time) time.Time {
	start, ok := i.starts[family][series]
	if !ok {
		return earlier(i.options.Started(), now)
	}
	return earlier(time.Unix(0, start), now)
}

// selfStarts knows when the series of the program's own metrics began. The SDK would say for all of them that it was with the process.
type selfStarts struct {
	starts map[seriesKey]time.Time
	// collected is the time of the last collection.
	collected time.Time
}

// collectSelf returns the program's own metrics under the names of the instruments, as of now.
func (i *Instruments) collectSelf(ctx context.Context, now time.Time) (self metricdata.ScopeMetrics, err error) {
	i.selfMu.Lock()
	defer i.selfMu.Unlock()
	var all metricdata.ResourceMetrics // not reused: Collect would overwrite data that is still being read
	if err := i.selfReader.Collect(ctx, &all); err != nil {
		return self, fmt.Errorf("collect the program's own instruments: %w", err)
	}
	for _, scope := range all.ScopeMetrics {
		self = scope
	}
	for _, m := range self.Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[float64]:
			setTimes(&i.selfStarts, m.Name, data.DataPoints, now)
		case metricdata.Sum[int64]:
			setTimes(&i.selfStarts, m.Name, data.DataPoints, now)
		case metricdata.Gauge[float64]:
			setTimes(&i.selfStarts, m.Name, data.DataPoints, now)
		case metricdata.Histogram[float64]:
			for n := range data.DataPoints {
				p := &data.DataPoints[n]
				p.StartTime, p.Time = i.selfStarts.of(selfSeries(m.Name, p.Attributes), p.StartTime, now), now
			}
		}
	}
	i.selfStarts.collected = now
	return self, nil
}

func setTimes[N int64 | float64](s *selfStarts, name string, points []metricdata.DataPoint[N], now time.Time) {
	for n := range points {
		p := &points[n]
		p.StartTime, p.Time = s.of(selfSeries(name, p.Attributes), p.StartTime, now), now
	}
}

// of returns when a series began: after the last collection without it. Those of the first collection began with the process.
func (s *selfStarts) of(series seriesKey, process, now time.Time) time.Time {
	start, ok := s.starts[series]
	if !ok {
		start = s.collected
		if start.IsZero() {
			start = process
		}
		s.starts[series] = start
	}
	return earlier(start, now)
}

// selfSeries identifies a series by the name of its instrument, or by that of its family without _total.
func selfSeries(name string, labels attribute.Set) seriesKey {
	return seriesKey{strings.ReplaceAll(name, ".", "_"), labels.Equivalent()}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
