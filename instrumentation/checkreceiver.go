package instrumentation

import (
	"cmp"
	"context"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"dora-exporter/dora"
)

// CheckMetrics pushes no metrics to a receiver.
func CheckMetrics(ctx context.Context, to Receiver, temporality string) dora.Finding {
	exporter, err := newMetricExporter(ctx, to)
	if err == nil {
		err = exporter.Export(ctx, &metricdata.ResourceMetrics{})
		_ = exporter.Shutdown(context.WithoutCancel(ctx))
	}
	return receiverFinding("metrics", to, err, temporality)
}

// CheckTraces pushes no traces to a receiver.
func CheckTraces(ctx context.Context, to Receiver) dora.Finding {
	client, err := newSpanClient(to)
	if err == nil {
		err = client.Start(ctx)
	}
	if err == nil {
		err = client.UploadTraces(ctx, nil)
		_ = client.Stop(context.WithoutCancel(ctx))
	}
	return receiverFinding("traces", to, err, "")
}

// receiverFinding returns what a push of nothing says about a receiver.
func receiverFinding(signal string, to Receiver, err error, temporality string) dora.Finding {
	f := dora.Finding{Check: "otlp", Subject: signal, Status: dora.FindingOK, Text: to.Address() + " takes " + signal}
	if err != nil {
		f.Status, f.Text = dora.FindingFailed, to.redact(err)
		f.Remedy = cmp.Or(remedy(err, temporality), "check that the receiver runs, otlp.endpoint, otlp.protocol, and the network")
	}
	return f
}
