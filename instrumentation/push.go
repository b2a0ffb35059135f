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
	// SemanticConventions names the attributes of the metrics by OpenTelemetry's semantic conventions.
	SemanticConventions bool
	// Resource has the attributes of the sender. https://opentelemetry.io/docs/specs/semconv/resource/
	Resource map[string]string
	Logger   *slog.Logger
}

// Push sends the metrics to an OTLP receiver at an interval, and a last time when it is stopped.
type Push struct {
	reader  *sdkmetric.PeriodicReader
	monitor *exportMonitor
}

// StartPush starts pushing. It is called after Restore: half-restored counters would look like a reset.
func (i *Instruments) StartPush(ctx context.Context, o PushOptions) (*Push, error) {
	to, err := newMetricExporter(ctx, o.Receiver)
	if err != nil {
		return nil, fmt.Errorf("make the OTLP exporter: %w", err)
	}
	if o.SemanticConventions {
		to = conventionalExporter{to}
	}
	var source sdkmetric.Producer = pushProducer{i}
	exporter := &monitoredExporter{Exporter: to, exportMonitor: newExportMonitor("metrics", "will retry", o.Receiver, o.Logger, i.countExport)}
	exporter.temporality = "cumulative"
	if o.Delta != nil {
		exporter.temporality = "delta"
		d, err := newDeltas(ctx, pushProducer{i}, o.Delta, i.options.Now)
		if err != nil {
			return nil, err
		}
		source, exporter.onExported = d, d.confirm
	}
	who, err := newMetricResource(ctx, o.Resource)
	if err != nil {
		return nil, err
	}
	p := &Push{monitor: exporter.exportMonitor, reader: sdkmetric.NewPeriodicReader(
		exporter, sdkmetric.WithProducer(source), sdkmetric.WithMaxExportBatchSize(maxPushPoints),
		sdkmetric.WithInterval(o.Interval), sdkmetric.WithTimeout(o.Export),
	)}
	// The provider has no instruments; the source produces everything. Without a provider the reader fails as not registered.
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(p.reader), sdkmetric.WithResource(who))
	return p, nil
}

// Stop pushes a last time and stops; ctx bounds it. A failed push is logged and counted, but not returned. Stop of a nil *Push
// does nothing.
func (p *Push) Stop(ctx context.Context) error {
	if p == nil {
		return nil
	}
	defer p.monitor.abort()
	defer context.AfterFunc(ctx, p.monitor.abort)()
	return p.reader.Shutdown(ctx)
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
	all, _, err := o.produce(ctx)
	return all, err
}

// produce also returns the position of the newest recorded fact in the metrics.
func (o pushProducer) produce(ctx context.Context) (all []metricdata.ScopeMetrics, position int64, err error) {
	facts, position, err := o.collectFacts(ctx)
	if err != nil {
		return nil, 0, err
	}
	self, err := o.collectSelf(ctx)
	if err != nil {
		return nil, 0, err
	}
	for n, m := range facts.Metrics {
		facts.Metrics[n].Name, facts.Metrics[n].Unit = instrumentNames[m.Name], instrumentUnit(o.families[m.Name])
	}
	return []metricdata.ScopeMetrics{facts, self}, position, nil
}
