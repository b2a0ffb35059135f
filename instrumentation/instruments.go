// Package instrumentation holds the OpenTelemetry instruments, serves them to Prometheus and pushes them over OTLP.
//
// The instruments record what is new since the start; what was reached before, the base, is added when they are read.
// Two meter providers make that possible: an inner one with the instruments and a manual reader, and an outer, empty one
// with the Prometheus exporter, which is fed by a producer (bridge.go) that reads the inner one and adds the base.
package instrumentation

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"

	"dora-exporter/dora"
)

// Options are what the instruments need to know.
type Options struct {
	Families []dora.Family
	// Started tells when the cumulative values started at nothing, long before this process perhaps; it is known when they are
	// restored.
	Started func() time.Time
	// Version, Revision and GoVersion are the labels of dora_exporter_build_info.
	Version, Revision, GoVersion string
	// Unsigned are the sources whose webhooks are accepted without a signature.
	Unsigned []string
	// Backlog tells what is waiting in the store; it is called at each scrape.
	Backlog func(context.Context) (Backlog, error)
	// Writes describes the store's writer; it is called at each scrape, and must not wait for the disk. Nil if there is no store.
	Writes func() (Writes, error)
	// MaxSeries is the limit of each group of families, and Series tells how many of them have their place.
	MaxSeries int
	Series    func(context.Context) (map[string]int, error)
	// Now is the clock of the machine.
	Now func() time.Time
}

// Backlog is what waits in the store.
type Backlog struct {
	// Deliveries are those not processed yet, Oldest the arrival of the first of them; zero when there is none.
	Deliveries int
	Oldest     time.Time
	// SetAside are the deliveries that can't be processed.
	SetAside int
	// LookUps are the commits that are still to be looked up at GitHub.
	LookUps int
	// Evaluations are what waits for its evaluation, EvaluationsDue those of them that don't wait for deployments.settle any
	// more, EvaluationsAge is for how long the oldest of these has been due; 0 if none is.
	Evaluations, EvaluationsDue int
	EvaluationsAge              time.Duration
}

// Writes describes the store's writer.
type Writes struct {
	// Waiting is how many writes wait to be committed.
	Waiting int
	// Stalled is for how long nothing could be committed although something was to be written; 0 when that is not so.
	Stalled time.Duration
	// Log is the size of the write-ahead log in bytes.
	Log int64
}

// Instruments are all metrics of the program. It satisfies dora.Recorder.
type Instruments struct {
	SelfMetrics

	options Options
	// reader has the facts' instruments, ownReader those about the program itself: a scrape reads the former only when there are
	// new facts.
	reader, selfReader *sdkmetric.ManualReader
	// record adds one fact's value to the instrument of its family, in the published unit.
	record   map[string]func(float64, metric.MeasurementOption)
	families map[string]dora.Family

	// mu is held for writing while a batch of facts is recorded, for reading while they are read: a scrape sees all of a
	// batch or nothing.
	mu       sync.RWMutex
	restored bool
	// position is that of the newest recorded fact.
	position int64
	// version counts the changes of what the facts' families hold, readers want to know which series they are in.
	version   uint64
	producers []*changeProducer
	base      map[string]map[attribute.Distinct]baseSeries
	newest    map[string]map[attribute.Distinct]dora.Fact
	// sums are what was recorded of durations, in whole milliseconds: the instruments add up seconds in floating point, which
	// goes wrong by a millisecond after some 20,000 observations of months.
	sums map[string]map[attribute.Distinct]int64
}

// seriesSet are some series of a family.
type seriesSet map[attribute.Distinct]struct{}

// markChanged notes that a series has changed.
func (i *Instruments) markChanged(family string, series attribute.Distinct) {
	for _, r := range i.producers {
		if r.changed == nil {
			continue
		}
		if r.changed[family] == nil {
			r.changed[family] = seriesSet{}
		}
		r.changed[family][series] = struct{}{}
	}
}

// baseSeries is one restored series.
type baseSeries struct {
	attributes attribute.Set
	dora.Series
}

// New makes the instruments. Until Restore is called, nothing is served.
func New(o Options) (*Instruments, error) {
	i := &Instruments{
		options:    o,
		reader:     sdkmetric.NewManualReader(),
		selfReader: sdkmetric.NewManualReader(),
		record:     map[string]func(float64, metric.MeasurementOption){},
		families:   map[string]dora.Family{},
		base:       map[string]map[attribute.Distinct]baseSeries{},
		newest:     map[string]map[attribute.Distinct]dora.Fact{},
		sums:       map[string]map[attribute.Distinct]int64{},
	}
	// The SDK's own limit folds series into one without labels; ours is applied when a fact is made.
	// There are no exemplars, since a fact is recorded outside of any trace, so none keeps a place for them.
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(i.reader), sdkmetric.WithCardinalityLimit(0), sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter),
	)
	meter := provider.Meter(factScope)
	for _, f := range o.Families {
		i.families[f.Name] = f
		i.sums[f.Name] = map[attribute.Distinct]int64{}
		if err := i.addInstrument(meter, f); err != nil {
			return nil, fmt.Errorf("instrument for %s: %w", f.Name, err)
		}
	}
	own := sdkmetric.NewMeterProvider(sdkmetric.WithReader(i.selfReader), sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter))
	if err := i.registerCounters(own.Meter(selfScope), o); err != nil {
		return nil, err
	}
	return i, nil
}

// addInstrument makes the instrument of a family.
func (i *Instruments) addInstrument(meter metric.Meter, f dora.Family) error {
	name, unit := instrumentNames[f.Name], instrumentUnit(f)
	if name == "" {
		return fmt.Errorf("no instrument name")
	}
	ctx := context.Background()
	switch f.Kind {
	case dora.Counter:
		c, err := meter.Float64Counter(name, metric.WithDescription(f.Help), metric.WithUnit(unit))
		i.record[f.Name] = func(v float64, o metric.MeasurementOption) { c.Add(ctx, v, o) }
		return err
	case dora.Sum:
		c, err := meter.Float64UpDownCounter(name, metric.WithDescription(f.Help), metric.WithUnit(unit))
		i.record[f.Name] = func(v float64, o metric.MeasurementOption) { c.Add(ctx, v, o) }
		return err
	case dora.Last:
		g, err := meter.Float64Gauge(name, metric.WithDescription(f.Help), metric.WithUnit(unit))
		i.record[f.Name] = func(v float64, o metric.MeasurementOption) { g.Record(ctx, v, o) }
		return err
	case dora.Histogram:
		h, err := meter.Float64Histogram(name, metric.WithDescription(f.Help), metric.WithUnit(unit), metric.WithExplicitBucketBoundaries(f.UpperBounds()...))
		i.record[f.Name] = func(v float64, o metric.MeasurementOption) { h.Record(ctx, v, o) }
		return err
	}
	return fmt.Errorf("no instrument for kind %d", f.Kind)
}

// Restore sets the base and lets scrapes begin.
func (i *Instruments) Restore(s dora.State) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for family, series := range s {
		base := make(map[attribute.Distinct]baseSeries, len(series))
		newest := map[attribute.Distinct]dora.Fact{}
		for _, one := range series {
			set := attributeSet(one.Labels)
			base[set.Equivalent()] = baseSeries{attributes: set, Series: one}
			newest[set.Equivalent()] = dora.Fact{At: one.At, ID: one.ID}
		}
		i.base[family], i.newest[family] = base, newest
	}
	i.restored = true
	i.version++
	for _, r := range i.producers {
		r.changed = nil
	}
}

// Record adds facts to the instruments. A scrape sees all of them or none.
func (i *Instruments) Record(facts []dora.Fact) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, f := range facts {
		if i.record[f.Family] == nil {
			return fmt.Errorf("record fact %d: no instrument for %s", f.Position, f.Family)
		}
	}
	i.version++
	for _, f := range facts {
		i.position = max(i.position, f.Position)
		family := i.families[f.Family]
		set := attributeSet(f.Labels)
		if family.Kind == dora.Last && !i.updateNewest(f, set.Equivalent()) {
			continue
		}
		if family.Kind == dora.Histogram && f.Starts() {
			i.startHistogram(f.Family, set)
			continue
		}
		if family.Unit == dora.Milliseconds && family.Kind != dora.Last {
			i.sums[f.Family][set.Equivalent()] += f.Value
		}
		i.record[f.Family](family.Unit.Scale(f.Value), metric.WithAttributeSet(set))
		i.markChanged(f.Family, set.Equivalent())
	}
	return nil
}

// begin has a histogram's series in the base, where it is without an observation: the instrument can't have it so. i.mu is held.
func (i *Instruments) startHistogram(family string, set attribute.Set) {
	series := set.Equivalent()
	if _, ok := i.base[family][series]; ok {
		return
	}
	if i.base[family] == nil {
		i.base[family] = map[attribute.Distinct]baseSeries{}
	}
	i.base[family][series] = baseSeries{attributes: set}
	i.markChanged(family, series)
}

// updateNewest says whether a fact is the newest of its series so far, and remembers it.
func (i *Instruments) updateNewest(f dora.Fact, series attribute.Distinct) bool {
	known := i.newest[f.Family]
	if known == nil {
		known = map[attribute.Distinct]dora.Fact{}
		i.newest[f.Family] = known
	}
	if before, ok := known[series]; ok && !f.Newer(before.At, before.ID) {
		return false
	}
	known[series] = dora.Fact{At: f.At, ID: f.ID}
	return true
}

func attributeSet(l dora.Labels) attribute.Set {
	kvs := make([]attribute.KeyValue, 0, len(l))
	for name, value := range l {
		kvs = append(kvs, attribute.String(name, value))
	}
	return attribute.NewSet(kvs...)
}
