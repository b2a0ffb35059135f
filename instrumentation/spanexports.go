package instrumentation

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// newSpanExporter makes the client of a protocol. It does not connect.
func newSpanExporter(ctx context.Context, to Receiver) (sdktrace.SpanExporter, error) {
	if to.Protocol == "grpc" {
		return otlptrace.New(ctx, newSpanGRPCClient(to))
	}
	client, err := to.client()
	if err != nil {
		return nil, err
	}
	options := []otlptracehttp.Option{
		otlptracehttp.WithEndpointURL(to.Endpoint),
		otlptracehttp.WithHeaders(to.Headers),
		otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: firstRepetition, MaxInterval: lastRepetition, MaxElapsedTime: to.Timeout,
		}),
	}
	if to.Gzip {
		options = append(options, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	}
	return otlptrace.New(ctx, otlptracehttp.NewClient(options...))
}

func newSpanGRPCClient(to Receiver) otlptrace.Client {
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpoint(to.Endpoint),
		otlptracegrpc.WithTLSCredentials(to.credentials()),
		otlptracegrpc.WithHeaders(to.Headers),
		otlptracegrpc.WithTimeout(to.Timeout),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{
			Enabled: true, InitialInterval: firstRepetition, MaxInterval: lastRepetition, MaxElapsedTime: to.Timeout,
		}),
		otlptracegrpc.WithDialOption(to.reconnect()),
	}
	if to.Gzip {
		options = append(options, otlptracegrpc.WithCompressor("gzip"))
	}
	return otlptracegrpc.NewClient(options...)
}

// watchedSpans tells how exports of spans went. It returns no errors: the processor could only print them.
type watchedSpans struct {
	sdktrace.SpanExporter
	*watch
}

// ExportSpans sends one request.
func (w *watchedSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	limited, cancel := context.WithTimeout(ctx, w.to.Timeout)
	defer cancel()
	err := w.SpanExporter.ExportSpans(limited, spans)
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil // the end has come in between
	}
	w.note(err)
	return nil
}
