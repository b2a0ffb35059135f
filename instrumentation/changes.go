package instrumentation

import (
	"context"
	"math"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Reading everything at each scrape would be slow with many series, and reading many series at once takes several times the memory
// that they take afterwards. changeProducer remembers which series have changed since it was last read, and produces a limited number
// of them at a time. cachedGatherer keeps the rest.

// changeProducer produces the families of facts under their documented names, but only series that have changed since they were last
// produced. It satisfies go.opentelemetry.io/otel/sdk/metric.Producer.
type changeProducer struct {
	*Instruments

	// changed are the changed series by family; nil for all.
	changed map[string]seriesSet
	// limit is the most series that Produce returns.
	limit int
}

// seriesSet is a set of series of a family.
type seriesSet map[attribute.Distinct]struct{}

// newChangeProducer returns a producer of all series.
func (i *Instruments) newChangeProducer() *changeProducer {
	i.mu.Lock()
	defer i.mu.Unlock()
	c := &changeProducer{Instruments: i, limit: math.MaxInt}
	i.producers = append(i.producers, c)
	return c
}

// markChanged tells the producers that a series has changed.
func (i *Instruments) markChanged(family string, series attribute.Distinct) {
	for _, c := range i.producers {
		if c.changed != nil {
			addSeries(c.changed, family, series)
		}
	}
}

func addSeries(to map[string]seriesSet, family string, series attribute.Distinct) {
	if to[family] == nil {
		to[family] = seriesSet{}
	}
	to[family][series] = struct{}{}
}

// count returns the number of changed series. all is true if they are all series and none has been produced yet.
func (c *changeProducer) count(ctx context.Context) (n int, all bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if all = c.changed == nil; all {
		if c.changed, err = c.allSeries(ctx); err != nil {
			return 0, false, err
		}
	}
	for _, series := range c.changed {
		n += len(series)
	}
	return n, all, nil
}

// reset makes the producer produce all series.
func (c *changeProducer) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	c.changed = nil
}

// Produce is called by the Prometheus exporter at a scrape that follows new facts.
func (c *changeProducer) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	c.mu.Lock() // a write lock: no fact may come between taking changed series and reading the instruments
	defer c.mu.Unlock()
	facts, err := c.collectFamilies(ctx, c.take(), c.options.Now())
	return []metricdata.ScopeMetrics{facts}, err
}

// take removes as many changed series as the limit allows.
func (c *changeProducer) take() map[string]seriesSet {
	taken, n := map[string]seriesSet{}, 0
	for family, all := range c.changed {
		for series := range all {
			if n == c.limit {
				return taken
			}
			addSeries(taken, family, series)
			delete(all, series)
			n++
		}
		delete(c.changed, family)
	}
	return taken
}

// allSeries returns all series of facts. i.mu is held.
func (i *Instruments) allSeries(ctx context.Context) (map[string]seriesSet, error) {
	live, err := i.collectInstruments(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]seriesSet{}
	for _, f := range i.options.Families {
		for series := range i.base[f.Name] {
			addSeries(all, f.Name, series)
		}
		switch data := live[instrumentNames[f.Name]].(type) {
		case metricdata.Sum[float64]:
			addPoints(all, f.Name, data.DataPoints)
		case metricdata.Gauge[float64]:
			addPoints(all, f.Name, data.DataPoints)
		case metricdata.Histogram[float64]:
			for n := range data.DataPoints {
				addSeries(all, f.Name, data.DataPoints[n].Attributes.Equivalent())
			}
		}
	}
	return all, nil
}

func addPoints(to map[string]seriesSet, family string, points []metricdata.DataPoint[float64]) {
	for n := range points {
		addSeries(to, family, points[n].Attributes.Equivalent())
	}
}

// currentVersion returns a number that changes with the values of the families of facts; 0 before Restore.
func (i *Instruments) currentVersion() uint64 {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.version
}
