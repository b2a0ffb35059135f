package instrumentation

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
)

// spanIDs generates ids; its value is the id of the instance. It satisfies go.opentelemetry.io/otel/sdk/trace.IDGenerator.
type spanIDs string

// rootSpan returns the ids of a delivery's trace and its first span. They are derived from the delivery's key and the
// instance, so that a later process and a redelivery continue the same trace without anything being stored.
func (s spanIDs) rootSpan(key string) trace.SpanContext {
	sum := sha256.Sum256([]byte(string(s) + "\n" + key))
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(sum[:16]), SpanID: trace.SpanID(sum[16:24]), TraceFlags: trace.FlagsSampled, Remote: true,
	})
}

// continueTrace returns a context whose spans are children of the first span of a delivery.
func (s spanIDs) continueTrace(ctx context.Context, key string) context.Context {
	return trace.ContextWithRemoteSpanContext(ctx, s.rootSpan(key))
}

// startTrace returns a context whose next span is the first of a delivery, or of an unrelated trace if the key is empty.
func (s spanIDs) startTrace(ctx context.Context, key string) context.Context {
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	if key == "" {
		return ctx
	}
	return context.WithValue(ctx, rootSpanKey{}, s.rootSpan(key))
}

type rootSpanKey struct{}

// NewIDs returns the ids of a new trace and its first span.
func (s spanIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if first, ok := ctx.Value(rootSpanKey{}).(trace.SpanContext); ok {
		return first.TraceID(), first.SpanID()
	}
	var id trace.TraceID
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], 1+rand.Uint64N(1<<64-1)) // never all zeros, which is an invalid id
	return id, s.NewSpanID(ctx, id)
}

// NewSpanID returns the id of a span in an existing trace.
func (spanIDs) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	binary.NativeEndian.PutUint64(id[:], 1+rand.Uint64N(1<<64-1))
	return id
}
