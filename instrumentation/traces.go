package instrumentation

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TraceOptions say where the traces are pushed to, and how.
type TraceOptions struct {
	Receiver
	// Ratio is the part of the traces that is kept, from 0 to 1. What is kept of a delivery is kept whole, over restarts.
	Ratio   float64
	Batches SpanBatches
	// Resource is that of PushOptions; its service.instance.id tells the traces of two instances about the same delivery apart.
	Resource map[string]string
	Logger   *slog.Logger
}

// SpanBatches say how spans are pushed.
type SpanBatches struct {
	// Delay is the longest time that a span waits for others, Timeout bounds the push of a batch.
	Delay, Timeout time.Duration
	// Queue is how many spans wait at most, beyond which they are dropped, Size how many are pushed at a time.
	Queue, Size int
}

// Traces follow deliveries on their way: received, stored, processed, looked up at GitHub. All steps of a delivery are spans of
// one trace, which its key names, whichever process takes them. A nil *Traces follows nothing.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	ids      spanIDs
}

// StartTraces begins to follow. Spans are pushed in the background; when too many wait, those that come are dropped.
func (i *Instruments) StartTraces(ctx context.Context, o TraceOptions) (*Traces, error) {
	to, err := newSpanExporter(ctx, o.Receiver)
	if err != nil {
		return nil, fmt.Errorf("make the OTLP exporter of traces: %w", err)
	}
	who, err := newResource(ctx, o.Resource)
	if err != nil {
		return nil, err
	}
	lost := &spanQueue{limit: int64(o.Batches.Queue), countLost: i.countLostSpans}
	lost.countLost(0) // so that the first is seen as an increase
	watched := &monitoredSpanExporter{SpanExporter: to, queue: lost, exportMonitor: newExportMonitor("traces", "dropping them", o.Receiver, o.Logger, i.countSpanExport)}
	lost.SpanProcessor = sdktrace.NewBatchSpanProcessor(watched,
		sdktrace.WithBatchTimeout(o.Batches.Delay), sdktrace.WithExportTimeout(o.Batches.Timeout),
		sdktrace.WithMaxQueueSize(o.Batches.Queue), sdktrace.WithMaxExportBatchSize(o.Batches.Size))
	ids := spanIDs(o.Resource["service.instance.id"])
	t := &Traces{ids: ids, provider: sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(lost), sdktrace.WithResource(who), sdktrace.WithIDGenerator(ids),
		sdktrace.WithSampler(sdktrace.TraceIDRatioBased(o.Ratio)), // it looks at the trace's id alone
	)}
	t.tracer = t.provider.Tracer("dora-exporter", trace.WithInstrumentationVersion(i.options.Version))
	return t, nil
}

// Stop pushes what is left and ends; ctx bounds it. How the push went is logged and counted, no error of this.
func (t *Traces) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Steps returns what begins a step on the way of the deliveries with some keys: it gives the context of what the step calls,
// and a function that ends it, of which a second call does nothing. Each delivery's trace has the step; what is called is in
// that of the first, which the others link to. It is nil when nothing is followed.
func (t *Traces) Steps() func(ctx context.Context, name string, keys ...string) (context.Context, func(error)) {
	if t == nil {
		return nil
	}
	return t.startStep
}

func (t *Traces) startStep(ctx context.Context, name string, keys ...string) (context.Context, func(error)) {
	if len(keys) == 0 {
		return ctx, func(error) {}
	}
	of := func(key string) trace.SpanStartOption {
		return trace.WithAttributes(attribute.String(deliveryKey, truncate(key)))
	}
	within, span := t.tracer.Start(t.ids.continueTrace(ctx, keys[0]), name, of(keys[0]))
	spans := []trace.Span{span}
	for _, key := range keys[1:] {
		_, other := t.tracer.Start(t.ids.continueTrace(ctx, key), name, of(key), trace.WithLinks(trace.Link{SpanContext: span.SpanContext()}))
		spans = append(spans, other)
	}
	return within, func(err error) {
		for _, s := range spans {
			setError(s, err)
			s.End()
		}
	}
}

// Transport returns what makes a span of each HTTP exchange within a step; route is the template of its path, for its name. The
// exchanges carry nothing of the trace. It is nil when nothing is followed.
func (t *Traces) Transport(route func(*http.Request) string) func(http.RoundTripper) http.RoundTripper {
	if t == nil {
		return nil
	}
	return func(inner http.RoundTripper) http.RoundTripper {
		return otelhttp.NewTransport(inner,
			otelhttp.WithTracerProvider(t.provider), otelhttp.WithMeterProvider(noopmetric.NewMeterProvider()),
			otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()),
			otelhttp.WithFilter(func(r *http.Request) bool { return trace.SpanContextFromContext(r.Context()).IsValid() }),
			otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + route(r) }),
		)
	}
}

// deliveryKey is the attribute with the key of the delivery that a span is about.
const deliveryKey = "dora.delivery.key"

// setError marks a span as failed, unless there is no error.
func setError(s trace.Span, err error) {
	if err != nil {
		s.SetStatus(codes.Error, truncate(err.Error()))
	}
}
