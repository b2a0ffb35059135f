package instrumentation

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Request describes a webhook request that is being answered.
type Request struct {
	// Route is its path.
	Route string
	// Event is empty if it is unknown, Key if the request is no delivery.
	Event, Key string
	// Result is the label of dora_exporter_deliveries_total, Status the HTTP status of the answer.
	Result string
	Status int
	// Arrived is when the request arrived, Storing and Stored when storing began and ended; zero if that was not tried.
	Arrived, Storing, Stored time.Time
	// Stands is true if this request stored the delivery, false for a duplicate.
	Stands bool
}

// Request records the spans of a request, from its arrival to now. It returns the context for log lines about the request.
func (t *Traces) Request(ctx context.Context, r Request) context.Context {
	if t == nil {
		return ctx
	}
	if r.Key == "" || r.Stands {
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
	if !r.Storing.IsZero() {
		_, storing := t.tracer.Start(ctx, "store", trace.WithTimestamp(r.Storing))
		setError(storing, failed)
		storing.End(trace.WithTimestamp(r.Stored))
	}
	setError(span, failed)
	span.End()
	return ctx
}
