package instrumentation

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// newSpanExporter returns an exporter for the receiver's protocol. It does not connect yet.
func newSpanExporter(ctx context.Context, to Receiver) (sdktrace.SpanExporter, error) {
	client, err := newSpanClient(to)
	if err != nil {
		return nil, err
	}
	return otlptrace.New(ctx, client)
}

// newSpanClient returns a client for the receiver's protocol.
func newSpanClient(to Receiver) (otlptrace.Client, error) {
	if to.Protocol == "grpc" {
		return newSpanGRPCClient(to), nil
	}
	client, err := to.httpClient()
	if err != nil {
		return nil, err
	}
	options := []otlptracehttp.Option{
		otlptracehttp.WithEndpointURL(to.Endpoint),
		otlptracehttp.WithHeaders(to.Headers),
		otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig(to.retry())),
	}
	if to.Gzip {
		options = append(options, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	}
	return otlptracehttp.NewClient(options...), nil
}

func newSpanGRPCClient(to Receiver) otlptrace.Client {
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpoint(to.Endpoint),
		otlptracegrpc.WithTLSCredentials(to.credentials()),
		otlptracegrpc.WithHeaders(to.Headers),
		otlptracegrpc.WithTimeout(to.Timeout),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig(to.retry())),
		otlptracegrpc.WithDialOption(to.reconnect()),
	}
	if to.Gzip {
		options = append(options, otlptracegrpc.WithCompressor("gzip"))
	}
	return otlptracegrpc.NewClient(options...)
}

// monitoredSpanExporter counts and logs the results of its exports. It returns no errors: the processor could only print them.
type monitoredSpanExporter struct {
	sdktrace.SpanExporter
	*exportMonitor
	queue *spanQueue
}

// ExportSpans sends one request.
func (w *monitoredSpanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	limited, cancel := context.WithTimeout(ctx, w.to.Timeout)
	defer cancel()
	err := w.SpanExporter.ExportSpans(limited, spans)
	w.queue.finish(len(spans), err)
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil // cancelled by the shutdown
	}
	w.record(err)
	return nil
}

// spanQueue passes spans to the batch processor and counts those that are lost: spans beyond limit, which the batch processor
// would drop silently, and spans of failed pushes.
type spanQueue struct {
	sdktrace.SpanProcessor
	limit     int64
	waiting   atomic.Int64
	countLost func(n int64)
}

// OnEnd implements go.opentelemetry.io/otel/sdk/trace.SpanProcessor.
func (l *spanQueue) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if l.waiting.Add(1) > l.limit {
		l.waiting.Add(-1)
		l.countLost(1)
		return
	}
	l.SpanProcessor.OnEnd(s)
}

// finish removes exported spans from the queue, and counts them as lost after an error.
func (l *spanQueue) finish(spans int, err error) {
	l.waiting.Add(-int64(spans))
	if exportResult(err) == exportError {
		l.countLost(int64(spans))
	}
}
