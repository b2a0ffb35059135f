package instrumentation

import (
	"context"
	"dora-exporter/dora"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Request makes the spans of a request, from its arrival to now. The context that it returns is that of what is logged of it.
func (t *Traces) Request(ctx context.Context, r dora.Request) context.Context {
	if t == nil {
		return ctx
	}
	if r.Key == "" || r.Stored {
		ctx = t.ids.begin(ctx, r.Key)
	} else {
		ctx = t.ids.follow(ctx, r.Key)
	}
	attributes := []attribute.KeyValue{
		semconv.HTTPRequestMethodPost, semconv.HTTPRoute(r.Route), semconv.HTTPResponseStatusCode(r.Status),
		attribute.String("dora.delivery.result", r.Result),
	}
	for name, value := range map[string]string{deliveryKey: r.Key, "dora.delivery.event": r.Event} {
		if value != "" {
			attributes = append(attributes, attribute.String(name, shortened(value)))
		}
	}
	var failed error
	if r.Status >= http.StatusInternalServerError {
		failed = errors.New(r.Result)
		attributes = append(attributes, semconv.ErrorTypeKey.String(r.Result))
	}
	ctx, span := t.tracer.Start(ctx, http.MethodPost+" "+r.Route, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithTimestamp(r.Arrived), trace.WithAttributes(attributes...))
	if !r.StoreStart.IsZero() {
		_, storing := t.tracer.Start(ctx, "store", trace.WithTimestamp(r.StoreStart))
		fail(storing, failed)
		storing.End(trace.WithTimestamp(r.StoreEnd))
	}
	fail(span, failed)
	span.End()
	return ctx
}
