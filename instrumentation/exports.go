package instrumentation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// The waits before a request that can be repeated is, and before a lost connection is made again; they get longer.
const (
	firstRepetition = time.Second
	lastRepetition  = 15 * time.Second
)

// newExporter makes the client of a protocol. It does not connect.
func newExporter(ctx context.Context, o PushOptions) (sdkmetric.Exporter, error) {
	if o.Protocol == "grpc" {
		return newGRPCExporter(ctx, o)
	}
	options := []otlpmetrichttp.Option{
		otlpmetrichttp.WithEndpointURL(o.Endpoint),
		otlpmetrichttp.WithHeaders(o.Headers),
		otlpmetrichttp.WithTLSClientConfig(o.TLS),
		otlpmetrichttp.WithTimeout(o.Timeout),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{
			Enabled: true, InitialInterval: firstRepetition, MaxInterval: lastRepetition, MaxElapsedTime: o.Timeout,
		}),
	}
	if o.Gzip {
		options = append(options, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	}
	return otlpmetrichttp.New(ctx, options...)
}

func newGRPCExporter(ctx context.Context, o PushOptions) (sdkmetric.Exporter, error) {
	transport := insecure.NewCredentials()
	if o.TLS != nil {
		transport = credentials.NewTLS(o.TLS)
	}
	options := []otlpmetricgrpc.Option{
		otlpmetricgrpc.WithEndpoint(o.Endpoint),
		otlpmetricgrpc.WithTLSCredentials(transport),
		otlpmetricgrpc.WithHeaders(o.Headers),
		otlpmetricgrpc.WithTimeout(o.Timeout),
		otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{
			Enabled: true, InitialInterval: firstRepetition, MaxInterval: lastRepetition, MaxElapsedTime: o.Timeout,
		}),
		// gRPC's own goes up to two minutes, in which a collector that is back would get nothing.
		otlpmetricgrpc.WithDialOption(grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstRepetition, Multiplier: 1.6, Jitter: 0.2, MaxDelay: lastRepetition},
			MinConnectTimeout: o.Timeout,
		})),
	}
	if o.Gzip {
		options = append(options, otlpmetricgrpc.WithCompressor("gzip"))
	}
	return otlpmetricgrpc.New(ctx, options...)
}

// watched counts exports, and logs when they begin to fail and when they work again. It returns no errors: the reader could
// only print them.
type watched struct {
	sdkmetric.Exporter
	options PushOptions
	own     *Own
	// arrived is called with what the receiver has taken; nil when nobody wants to know.
	arrived func(*metricdata.ResourceMetrics)
	failing atomic.Bool
}

// Aggregation is the instruments' own, whatever the environment says: the bounds of the buckets are documented.
func (w *watched) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}

// Export sends one request.
func (w *watched) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	limited, cancel := context.WithTimeout(ctx, w.options.Timeout)
	defer cancel()
	err := w.Exporter.Export(limited, all)
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil // the end has come in between: the last push has it, too
	}
	if err != nil && strings.Contains(err.Error(), "OTLP partial success") {
		w.took(all) // the rest has been refused for good, and must not be sent again
	}
	w.own.exported(resultOf(err), 1)
	switch was := w.failing.Swap(err != nil); {
	case err != nil && !was:
		w.options.Logger.Error("can't push metrics, trying again", "endpoint", w.options.Endpoint, "error", w.told(err))
	case err == nil && was:
		w.options.Logger.Info("can push metrics again", "endpoint", w.options.Endpoint)
	}
	if err == nil {
		w.took(all)
	}
	return nil
}

func (w *watched) took(all *metricdata.ResourceMetrics) {
	if w.arrived != nil {
		w.arrived(all)
	}
}

// told is an error as it may be logged: a receiver's answer may repeat what it was sent, at any length.
func (w *watched) told(err error) slog.Value {
	const most = 300
	text := err.Error()
	for name, secret := range w.options.Headers {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, fmt.Sprintf("(%s)", name))
		}
	}
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return slog.StringValue(text)
}
