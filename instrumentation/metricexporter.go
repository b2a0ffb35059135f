package instrumentation

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// newMetricExporter returns an exporter for the receiver's protocol. It does not connect yet.
func newMetricExporter(ctx context.Context, to Receiver) (sdkmetric.Exporter, error) {
	if to.Protocol == "grpc" {
		return newMetricGRPCExporter(ctx, to)
	}
	client, err := to.httpClient()
	if err != nil {
		return nil, err
	}
	options := []otlpmetrichttp.Option{
		otlpmetrichttp.WithEndpointURL(to.Endpoint),
		otlpmetrichttp.WithHeaders(to.Headers),
		otlpmetrichttp.WithHTTPClient(client),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(to.retry())),
	}
	if to.Gzip {
		options = append(options, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	}
	return otlpmetrichttp.New(ctx, options...)
}

func newMetricGRPCExporter(ctx context.Context, to Receiver) (sdkmetric.Exporter, error) {
	options := []otlpmetricgrpc.Option{
		otlpmetricgrpc.WithEndpoint(to.Endpoint),
		otlpmetricgrpc.WithTLSCredentials(to.credentials()),
		otlpmetricgrpc.WithHeaders(to.Headers),
		otlpmetricgrpc.WithTimeout(to.Timeout),
		otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig(to.retry())),
		otlpmetricgrpc.WithDialOption(to.reconnect()),
	}
	if to.Gzip {
		options = append(options, otlpmetricgrpc.WithCompressor("gzip"))
	}
	return otlpmetricgrpc.New(ctx, options...)
}

// monitoredExporter counts and logs the results of its exports. It returns no errors: the reader could only print them.
type monitoredExporter struct {
	sdkmetric.Exporter
	*exportMonitor
	// onExported is called with each request that the receiver has taken; may be nil.
	onExported func(context.Context, *metricdata.ResourceMetrics)
}

// Aggregation returns the instruments' own aggregation, whatever the environment sets: the bucket bounds are documented.
func (w *monitoredExporter) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}

// Export sends one request.
func (w *monitoredExporter) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	limited, cancel := w.limit(ctx)
	defer cancel()
	err := w.Exporter.Export(limited, all)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil // cancelled by the shutdown, whose last push contains the same values
	}
	if result := w.record(err); w.onExported != nil && result != exportError {
		w.onExported(ctx, all)
	}
	return nil
}
