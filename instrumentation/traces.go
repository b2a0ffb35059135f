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

// TraceOptions configures the push of traces.
type TraceOptions struct {
	Receiver
	// Ratio is the sampled part of the traces, from 0 to 1. A delivery is sampled as a whole, over restarts.
	Ratio   float64
	Batches SpanBatches
	// Resource is the same as in PushOptions. Its service.instance.id separates the traces of two instances about the same
	// delivery.
	Resource map[string]string
	Logger   *slog.Logger
}

// SpanBatches configures the batches in which spans are pushed.
type SpanBatches struct {
	// Delay is the time that a span waits at most for a batch to fill, Timeout bounds the push of a batch.
	Delay, Timeout time.Duration
	// Queue is how many spans wait at most; more are dropped. Size is the largest batch.
	Queue, Size int
}

// Traces records the way of deliveries: received, stored, processed, looked up at GitHub. All steps of a delivery are spans of
// one trace, whose id is derived from the delivery's key, whichever process takes them. A nil *Traces records nothing.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	ids      spanIDs
}

// StartTraces starts recording. Spans are pushed in the background; new ones are dropped while the queue is full.
func (i *Instruments) StartTraces(ctx context.Context, o TraceOptions) (*Traces, error) {
	to, err := newSpanExporter(ctx, o.Receiver)
	if err != nil {
		return nil, fmt.Errorf("make the OTLP exporter of traces: %w", err)
	}
	who, err := newResource(ctx, o.Resource)
	if err != nil {
		return nil, err
	}
	queue := &spanQueue{limit: int64(o.Batches.Queue), countLost: i.countLostSpans}
	queue.countLost(0) // so that increase sees the first
	exporter := &monitoredSpanExporter{SpanExporter: to, queue: queue, exportMonitor: newExportMonitor("traces", "dropping them", o.Receiver, o.Logger, i.countSpanExport)}
	queue.SpanProcessor = sdktrace.NewBatchSpanProcessor(exporter,
		sdktrace.WithBatchTimeout(o.Batches.Delay), sdktrace.WithExportTimeout(o.Batches.Timeout),
		sdktrace.WithMaxQueueSize(o.Batches.Queue), sdktrace.WithMaxExportBatchSize(o.Batches.Size))
	ids := spanIDs(o.Resource["service.instance.id"])
	t := &Traces{ids: ids, provider: sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(queue), sdktrace.WithResource(who), sdktrace.WithIDGenerator(ids),
		sdktrace.WithSampler(sdktrace.TraceIDRatioBased(o.Ratio)), // depends only on the trace id
	)}
	t.tracer = t.provider.Tracer("dora-exporter", trace.WithInstrumentationVersion(i.options.Version))
	return t, nil
}

// Stop pushes the remaining spans and stops; ctx bounds it. Failed pushes are logged and counted.
func (t *Traces) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Steps returns a function that starts a step for the deliveries with the given keys. The function returns the context for the
// step's calls, and a function that ends the step; further calls of it do nothing. Each delivery's trace gets a span. Calls
// within the step belong to the first delivery's trace, to which the other spans link. Steps of a nil *Traces returns nil.
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

// Transport returns a wrapper for HTTP clients that records a span of each request within a step; route returns the template of
// the request's path, for the span's name. No trace headers are sent. Transport of a nil *Traces returns nil.
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

// setError marks a span as failed if err is not nil.
func setError(s trace.Span, err error) {
	if err != nil {
		s.SetStatus(codes.Error, truncate(err.Error()))
	}
}
