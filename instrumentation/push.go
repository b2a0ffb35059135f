package instrumentation

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// pushPoints bounds the points in one request: a Collector takes 4 MiB over gRPC, and a histogram's point has some 500 bytes.
const maxPushPoints = 5000

// PushOptions say where the metrics are pushed to, and how.
type PushOptions struct {
	Receiver
	// Export bounds all of a push, Interval is the time between two.
	Export, Interval time.Duration
	// Delta asks for what was added since the last push, in counters and histograms, instead of all of it; nil for all.
	Delta *DeltaOptions
	// Resource says who pushes: the attributes of https://opentelemetry.io/docs/specs/semconv/resource/.
	Resource map[string]string
	Logger   *slog.Logger
}

// Push sends the metrics to an OTLP receiver, at an interval and once more at the end.
type Push struct {
	reader  *sdkmetric.PeriodicReader
	monitor *exportMonitor
}

// StartPush begins to push. It is called after Restore: half-restored counters would look like a reset.
func (i *Instruments) StartPush(ctx context.Context, o PushOptions) (*Push, error) {
	to, err := newMetricExporter(ctx, o.Receiver)
	if err != nil {
		return nil, fmt.Errorf("make the OTLP exporter: %w", err)
	}
	var source sdkmetric.Producer = pushProducer{i}
	watched := &monitoredExporter{Exporter: to, exportMonitor: newExportMonitor("metrics", "trying again", o.Receiver, o.Logger, i.countExport)}
	if o.Delta != nil {
		d, err := newDeltas(ctx, pushProducer{i}, o.Delta, i.options.Now)
		if err != nil {
			return nil, err
		}
		source, watched.onExported = d, d.confirm
	}
	who, err := newResource(ctx, o.Resource)
	if err != nil {
		return nil, err
	}
	p := &Push{monitor: watched.exportMonitor, reader: sdkmetric.NewPeriodicReader(
		watched, sdkmetric.WithProducer(source), sdkmetric.WithMaxExportBatchSize(maxPushPoints),
		sdkmetric.WithInterval(o.Interval), sdkmetric.WithTimeout(o.Export),
	)}
	// The provider has no instruments, all comes from the source. Without one the reader says that it is not registered.
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(p.reader), sdkmetric.WithResource(who))
	return p, nil
}

// Stop pushes once more and ends; ctx bounds it. How the push went is logged and counted, no error of this. A nil *Push has nothing
// to push.
func (p *Push) Stop(ctx context.Context) error {
	if p == nil {
		return nil
	}
	defer p.monitor.abort()
	defer context.AfterFunc(ctx, p.monitor.abort)()
	return p.reader.Shutdown(ctx)
}

// newResource is the resource: the SDK's attributes and the given ones.
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

// outlet produces what the instruments hold plus the base, under the names and with the units of the instruments.
// It satisfies go.opentelemetry.io/otel/sdk/metric.Producer.
type pushProducer struct{ *Instruments }

// Produce is called for each push.
func (o pushProducer) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	all, _, err := o.produce(ctx)
	return all, err
}

// produce also tells the position of the newest recorded fact in it.
func (o pushProducer) produce(ctx context.Context) (all []metricdata.ScopeMetrics, position int64, err error) {
	facts, position, err := o.collectFacts(ctx)
	if err != nil {
		return nil, 0, err
	}
	own, err := o.collectSelf(ctx)
	if err != nil {
		return nil, 0, err
	}
	for n, m := range facts.Metrics {
		facts.Metrics[n].Name, facts.Metrics[n].Unit = instrumentNames[m.Name], instrumentUnit(o.families[m.Name])
	}
	return []metricdata.ScopeMetrics{facts, own}, position, nil
}
