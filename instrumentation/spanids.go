package instrumentation

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
)

// spanIDs gives out ids; it has the id of the instance. It satisfies go.opentelemetry.io/otel/sdk/trace.IDGenerator.
type spanIDs string

// firstOf are the ids of a delivery's trace and of its first span. They follow from its key and the instance, so that a process
// that takes a delivery up again after a restart, and a redelivery, find its trace, and nothing of it need be stored.
func (s spanIDs) firstOf(key string) trace.SpanContext {
	sum := sha256.Sum256([]byte(string(s) + "\n" + key))
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(sum[:16]), SpanID: trace.SpanID(sum[16:24]), TraceFlags: trace.FlagsSampled, Remote: true,
	})
}

// follow returns a context in which spans follow the first one of a delivery.
func (s spanIDs) follow(ctx context.Context, key string) context.Context {
	return trace.ContextWithRemoteSpanContext(ctx, s.firstOf(key))
}

// begin returns a context in which the next span is the first one of a delivery; of nobody's when the key is empty.
func (s spanIDs) begin(ctx context.Context, key string) context.Context {
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	if key == "" {
		return ctx
	}
	return context.WithValue(ctx, firstKey{}, s.firstOf(key))
}

type firstKey struct{}

// NewIDs are those of the first span of a trace.
func (s spanIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if first, ok := ctx.Value(firstKey{}).(trace.SpanContext); ok {
		return first.TraceID(), first.SpanID()
	}
	var id trace.TraceID
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], 1+rand.Uint64N(1<<64-1)) // never all zeros, which is no id
	return id, s.NewSpanID(ctx, id)
}

// NewSpanID is that of a further span.
func (spanIDs) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	binary.NativeEndian.PutUint64(id[:], 1+rand.Uint64N(1<<64-1))
	return id
}
