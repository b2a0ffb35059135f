// Package instrumentation holds the OpenTelemetry instruments, serves them to Prometheus and pushes them over OTLP.
//
// The instruments record what is new since the start; the restored values, the base, are added when they are read.
// Two meter providers make that possible: an inner one with the instruments and a manual reader, and an outer, empty one
// with the Prometheus exporter. A producer (bridge.go) reads the inner one, adds the base and feeds the exporter.
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

// Options configures the instruments.
type Options struct {
	Families []dora.Family
	// Started returns when all series began that Begin was not called for, perhaps long before this process. It is called after Restore.
	Started func() time.Time
	// Version, Revision and GoVersion are the labels of dora_exporter_build_info.
	Version, Revision, GoVersion string
	// Unsigned are the sources whose webhooks are accepted without a signature.
	Unsigned []string
	// Backlog returns what waits in the store; it is called at each scrape.
	Backlog func(context.Context) (Backlog, error)
	// Writes describes the store's writer; it is called at each scrape, and must not wait for the disk. Nil if there is no store.
	Writes func() (Writes, error)
	// WaitCurrent waits until all facts that are stored when it is called are recorded, and returns an error if ctx ends before; it is
	// called before each scrape. Lag returns how many were missing then. Both are nil if only this process stores facts.
	WaitCurrent func(context.Context) error
	Lag         func() int64
	// IsShared reports whether other servers show the same facts; nil if no other server can.
	IsShared func() bool
	// Pools returns the pools of connections to the database; nil if the store is a file.
	Pools func() []Pool
	// Leases returns what this server knows of the leases on work, by queue, and must not wait for the store. UnclaimedLeases returns by queue
	// for how long the oldest lease has been expired whose work is due and claimed by no server; 0 if there is none. Both are called at each
	// scrape, and nil if no other server can use the store.
	Leases          func() []Leases
	UnclaimedLeases func(context.Context) (map[string]time.Duration, error)
	// MaxSeries is the limit of each group of families, and Series returns how many series count towards it.
	MaxSeries int
	Series    func(context.Context) (map[string]int, error)
	// Now is the clock of the machine.
	Now func() time.Time
}

// Backlog counts the work that waits in the store.
type Backlog struct {
	// Deliveries is the number of deliveries not processed yet, Oldest the arrival of the first of them; zero if there is none.
	Deliveries int
	Oldest     time.Time
	// SetAside is the number of dead letters.
	SetAside int
	// LookUps is the number of commits that wait for their look-up at GitHub.
	LookUps int
	// Evaluations is the number of waiting evaluations, EvaluationsDue of those for which deployments.settle has passed.
	// EvaluationsAge is how long the oldest due one has been due; 0 if none is.
	Evaluations, EvaluationsDue int
	EvaluationsAge              time.Duration
}

// Writes describes the store's writer.
type Writes struct {
	// Waiting is how many writes wait to be committed.
	Waiting int
	// Stalled is how long writes have waited without any commit; 0 if writing works.
	Stalled time.Duration
	// Log is the size of the write-ahead log in bytes, Size that of the store with it.
	Log, Size int64
}

// Instruments holds all metrics of the program. It satisfies dora.Recorder.
type Instruments struct {
	SelfMetrics

	options Options
	// reader has the facts' instruments, selfReader those about the program itself: a scrape reads the former only when there are
	// new facts.
	reader, selfReader *sdkmetric.ManualReader
	// record adds one fact's value to the instrument of its family, in the published unit.
	record   map[string]func(float64, metric.MeasurementOption)
	families map[string]dora.Family

	// mu is held for writing while a batch of facts is recorded, for reading while they are read: a scrape sees all of a
	// batch or nothing.
	mu       sync.RWMutex
	restored bool
	// starts are when the series of facts began, in Unix nanoseconds; seriesBegan is true if some have begun since the last Record.
	starts      map[string]map[attribute.Distinct]int64
	seriesBegan bool
	// newSeries receives a value when series have begun, unless there is one that nobody has taken yet.
	newSeries chan struct{}
	// version changes with the values of the families of facts; producers track which series have changed.
	version   uint64
	producers []*changeProducer
	// base has the restored series.
	base map[string]map[attribute.Distinct]baseSeries
	// newest are the newest recorded facts of the series of kind Last.
	newest map[string]map[attribute.Distinct]moment
	// sums are the recorded durations in whole milliseconds. The instruments add up seconds in floating point, whose error
	// reaches a millisecond after some 20,000 observations of months.
	sums map[string]map[attribute.Distinct]int64

	selfMu     sync.Mutex
	selfStarts selfStarts
}

// New makes the instruments. They serve nothing before Restore is called.
func New(o Options) (*Instruments, error) {
	i := &Instruments{
		options:    o,
		reader:     sdkmetric.NewManualReader(),
		selfReader: sdkmetric.NewManualReader(),
		record:     map[string]func(float64, metric.MeasurementOption){},
		families:   map[string]dora.Family{},
		starts:     map[string]map[attribute.Distinct]int64{},
		newSeries:  make(chan struct{}, 1),
		selfStarts: selfStarts{starts: map[seriesKey]time.Time{}},
		base:       map[string]map[attribute.Distinct]baseSeries{},
		newest:     map[string]map[attribute.Distinct]moment{},
		sums:       map[string]map[attribute.Distinct]int64{},
	}
	// The SDK's cardinality limit is off: it would fold series into one without labels, and the rules apply ours.
	// Exemplars are off: facts are recorded outside of traces, so they would only occupy memory.
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

// addInstrument makes the instrument for a family.
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
		family := i.families[f.Family]
		set := attributeSet(f.Labels)
		if family.Kind == dora.Last && !i.updateNewest(f, set.Equivalent()) {
			continue
		}
		if family.Kind == dora.Histogram && f.Starts() {
			i.startHistogram(f.Family, f.Labels, set.Equivalent())
			continue
		}
		if family.Unit == dora.Milliseconds && family.Kind != dora.Last {
			i.sums[f.Family][set.Equivalent()] += f.Value
		}
		i.record[f.Family](family.Unit.Scale(f.Value), metric.WithAttributeSet(set))
		i.markChanged(f.Family, set.Equivalent())
	}
	if i.seriesBegan {
		i.seriesBegan = false
		requestPush(i.newSeries)
	}
	return nil
}
