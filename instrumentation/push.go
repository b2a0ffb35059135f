package instrumentation

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// maxPushPoints bounds the points in a request: the Collector accepts 4 MiB over gRPC, and a histogram point has some 500 bytes.
const maxPushPoints = 5000

// PushOptions configures the push of metrics.
type PushOptions struct {
	Receiver
	// Export bounds a whole push, Interval is the time between two.
	Export, Interval time.Duration
	// Delta selects temporality delta for counters and histograms; nil for cumulative.
	Delta *DeltaOptions
	// Lease is nil if this server alone uses the store.
	Lease *LeaseOptions
	// SemanticConventions names the attributes of the metrics by OpenTelemetry's semantic conventions.
	SemanticConventions bool
	// Resource has the attributes of the sender. https://opentelemetry.io/docs/specs/semconv/resource/
	Resource map[string]string
	Logger   *slog.Logger
}

// LeaseOptions configures the push of one of several servers.
type LeaseOptions struct {
	PushLease
	// Prepare is called when this server becomes the one that pushes, before it does.
	Prepare func(context.Context) error
	// Resource has the attributes of the program's own metrics, which differ between the servers.
	Resource map[string]string
}

// Push sends the metrics to an OTLP receiver at an interval, right after the start, soon after a series began, and when it is
// stopped.
type Push struct {
	reader  *sdkmetric.PeriodicReader
	monitor *exportMonitor
	// soon receives a value when a push should follow soon.
	soon chan struct{}
	// pushing reports whether this server pushes, and not another one.
	pushing func() bool
	// stopEarly ends pushEarly and waits for its end, release likewise gives up the lease.
	stopEarly, release func()
	// tried is closed when this server has tried to become the one that pushes; nil if it always is.
	tried <-chan struct{}
}

// gatherTime is how long an early push waits for further series: those of an event begin one after the other.
const gatherTime = 300 * time.Millisecond

// StartPush starts pushing. It is called after Restore: half-restored counters would look like a reset.
func (i *Instruments) StartPush(ctx context.Context, o PushOptions) (*Push, error) {
	to, err := newMetricExporter(ctx, o.Receiver)
	if err != nil {
		return nil, fmt.Errorf("make the OTLP exporter: %w", err)
	}
	return i.startPush(ctx, o, to)
}

func (i *Instruments) startPush(ctx context.Context, o PushOptions, to sdkmetric.Exporter) (*Push, error) {
	if o.SemanticConventions {
		to = conventionalExporter{to}
	}
	if o.Lease != nil {
		to = fencedExporter{to}
	}
	var source sdkmetric.Producer = pushProducer{i}
	exporter := &monitoredExporter{Exporter: to, exportMonitor: newExportMonitor("metrics", "will retry", o.Receiver, o.Logger, i.countExport)}
	exporter.temporality = "cumulative"
	var begin func(context.Context) error
	if o.Delta != nil {
		exporter.temporality = "delta"
		d := newDeltas(pushProducer{i}, o.Delta)
		d.onGrown, d.shared = func() { requestPush(i.newSeries) }, o.Lease != nil
		source, exporter.onExported, begin = d, d.confirm, d.begin
	}
	who, err := newMetricResource(ctx, o.Resource)
	if err != nil {
		return nil, err
	}
	p := &Push{monitor: exporter.exportMonitor, soon: i.newSeries, pushing: func() bool { return true }, release: func() {}}
	var sink sdkmetric.Exporter = exporter
	switch {
	case o.Lease != nil:
		leased, err := p.lease(ctx, &o, sink, source, begin)
		if err != nil {
			return nil, err
		}
		sink, source = leased, leased
		i.pushing.Store(&p.pushing)
	case begin != nil:
		if err := begin(ctx); err != nil {
			return nil, err
		}
	}
	p.reader = sdkmetric.NewPeriodicReader(
		sink, sdkmetric.WithProducer(source), sdkmetric.WithMaxExportBatchSize(maxPushPoints),
		sdkmetric.WithInterval(o.Interval), sdkmetric.WithTimeout(o.Export),
	)
	// The provider has no instruments; the source produces everything. Without a provider the reader fails as not registered.
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(p.reader), sdkmetric.WithResource(who))
	p.stopEarly = runUntil(ctx, func(ctx context.Context) { p.pushEarly(ctx, o.Interval/10) })
	return p, nil
}

// lease returns an exporter and producer that works while this server holds the lease, and begins to claim it. begin is called each time
// before this server begins to push; it may be nil.
func (p *Push) lease(ctx context.Context, o *PushOptions, to sdkmetric.Exporter, source sdkmetric.Producer, begin func(context.Context) error) (*leasedExporter, error) {
	own, err := newMetricResource(ctx, o.Lease.Resource)
	if err != nil {
		return nil, err
	}
	tried := make(chan struct{})
	keeper := &leaseKeeper{lease: o.Lease, logger: o.Logger, tried: tried, onHeld: func() { requestPush(p.soon) }, prepare: func(ctx context.Context) error {
		if err := o.Lease.Prepare(ctx); err != nil || begin == nil {
			return err
		}
		return begin(ctx)
	}}
	p.tried = tried
	p.pushing = func() bool { return keeper.current() != nil }
	p.release = runUntil(ctx, keeper.run)
	return &leasedExporter{Exporter: ownResourceExporter{to, own}, source: source, keeper: keeper}, nil
}

// runUntil runs f in the background. stop ends its context and waits for its end.
func runUntil(ctx context.Context, f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	return func() { cancel(); running.Wait() }
}

// pushEarly pushes now, and then soon after series began, with a pause between two pushes: the first value of a series is seen as an
// increase if the receiver has the series before it grows.
func (p *Push) pushEarly(ctx context.Context, pause time.Duration) {
	for {
		pushing := p.pushing()
		_ = p.reader.ForceFlush(ctx) // the monitor logs and counts failures
		if pushing && !sleep(ctx, pause) {
			return
		}
		select {
		case <-p.soon:
		case <-ctx.Done():
			return
		}
		if !sleep(ctx, min(gatherTime, pause)) {
			requestPush(p.soon) // Stop does it
			return
		}
	}
}

// requestPush asks for an early push.
func requestPush(soon chan struct{}) {
	select {
	case soon <- struct{}{}:
	default: // one is requested already
	}
}

// sleep waits, and reports false if ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Stop pushes a last time and stops; ctx bounds it. A failed push is logged and counted, but not returned. Stop of a nil *Push
// does nothing.
func (p *Push) Stop(ctx context.Context) error {
	if p == nil {
		return nil
	}
	defer p.release() // after the last push
	defer p.monitor.abort()
	defer context.AfterFunc(ctx, p.monitor.abort)()
	p.waitForClaim(ctx)
	p.stopEarly()
	if len(p.soon) > 0 { // series that have just begun: deltas start them at 0 first, and the last push has their values
		flush, cancel := context.WithTimeout(ctx, shutdownGrace)
		defer cancel()
		_ = p.reader.ForceFlush(flush)
	}
	return p.reader.Shutdown(ctx)
}

// waitForClaim waits until this server has tried to become the one that pushes: one that stops right after its start pushes, too.
func (p *Push) waitForClaim(ctx context.Context) {
	if p.tried == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	select {
	case <-p.tried:
	case <-ctx.Done():
	}
}

// newResource returns a resource with the SDK's attributes and the given ones.
func newResource(ctx context.Context, given map[string]string) (*resource.Resource, error) {
	var all []attribute.KeyValue
	for name, value := range given {
		all = append(all, attribute.String(name, value))
	}
	r, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(all...))
	if err != nil {
		return nil, fmt.Errorf("make the OTLP resource: %w", err)
	}
	return r, nil
}

// newMetricResource returns a resource without the version of the SDK, unless it is given: the series of another version would be other ones to
// many receivers.
func newMetricResource(ctx context.Context, given map[string]string) (*resource.Resource, error) {
	whole, err := newResource(ctx, given)
	if err != nil {
		return nil, err
	}
	set, _ := attribute.NewSetWithFiltered(whole.Attributes(), func(a attribute.KeyValue) bool {
		_, wanted := given[string(a.Key)]
		return wanted || a.Key != semconv.TelemetrySDKVersionKey
	})
	return resource.NewSchemaless(set.ToSlice()...), nil // the version of the schema is the SDK's, too
}

// pushProducer produces the totals of all metrics under the names and with the units of the instruments.
// It satisfies go.opentelemetry.io/otel/sdk/metric.Producer.
type pushProducer struct{ *Instruments }

// Produce is called for each push.
func (o pushProducer) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	return o.produce(ctx, o.options.Now())
}

// produce returns all metrics as of now: a collection reads the clock once.
func (o pushProducer) produce(ctx context.Context, now time.Time) ([]metricdata.ScopeMetrics, error) {
	facts, err := o.collectFacts(ctx, now)
	if err != nil {
		return nil, err
	}
	self, err := o.collectSelf(ctx, now)
	if err != nil {
		return nil, err
	}
	for n, m := range facts.Metrics {
		facts.Metrics[n].Name, facts.Metrics[n].Unit = instrumentNames[m.Name], instrumentUnit(o.families[m.Name])
	}
	return []metricdata.ScopeMetrics{facts, self}, nil
}
