package instrumentation

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// LogTraces returns a handler that adds trace_id to log lines within sampled traces, as 32 hexadecimal digits, which tracing
// tools search for.
func LogTraces(inner slog.Handler) slog.Handler { return traceHandler{inner} }

type traceHandler struct{ slog.Handler }

// Handle writes a line.
func (h traceHandler) Handle(ctx context.Context, line slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		line = line.Clone()
		line.AddAttrs(slog.String("trace_id", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs returns a handler whose lines have attributes.
func (h traceHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return traceHandler{h.Handler.WithAttrs(attributes)}
}

// WithGroup returns a handler whose lines have a group.
func (h traceHandler) WithGroup(name string) slog.Handler {
	return traceHandler{h.Handler.WithGroup(name)}
}
