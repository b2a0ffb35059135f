package instrumentation

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"dora-exporter/dora"
)

// Request records the spans of a request, from its arrival to now. It returns the context for log lines about the request.
func (t *Traces) Request(ctx context.Context, r dora.WebhookRequest) context.Context {
	if t == nil {
		return ctx
	}
	if r.Key == "" || r.Stored {
		ctx = t.ids.startTrace(ctx, r.Key)
	} else {
		ctx = t.ids.continueTrace(ctx, r.Key)
	}
	attributes := []attribute.KeyValue{
		semconv.HTTPRequestMethodPost, semconv.HTTPRoute(r.Route), semconv.HTTPResponseStatusCode(r.Status),
		attribute.String("dora.delivery.result", r.Result),
	}
	for name, value := range map[string]string{deliveryKey: r.Key, "dora.delivery.event": r.Event} {
		if value != "" {
			attributes = append(attributes, attribute.String(name, truncate(value)))
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
		setError(storing, failed)
		storing.End(trace.WithTimestamp(r.StoreEnd))
	}
	setError(span, failed)
	span.End()
	return ctx
}
