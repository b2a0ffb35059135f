package config

import (
	"maps"
	"time"

	"gopkg.in/yaml.v3"
)

// OTLP configures what is pushed, and how. https://opentelemetry.io/docs/specs/otel/protocol/exporter/
type OTLP struct {
	// Enabled turns the push of metrics on, Traces that of traces.
	Enabled, Traces bool
	// MetricsReceiver and TracesReceiver are the same if the file sets them, but may differ in the environment.
	MetricsReceiver, TracesReceiver OTLPReceiver
	// TracesRatio is the sampled part of the traces, from 0 to 1.
	TracesRatio float64
	// Spans configures the batches in which traces are pushed.
	Spans SpanBatches
	// Temporality is cumulative or delta.
	Temporality string
	// ExportTimeout bounds a whole push of metrics, Interval is the time between two.
	ExportTimeout, Interval time.Duration
	ResourceAttributes      map[string]string
	// SemanticConventions names the attributes of metrics by OpenTelemetry's semantic conventions, instead of by their labels.
	SemanticConventions bool
}

// SpanBatches configures how spans are queued and pushed.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#batch-span-processor
type SpanBatches struct {
	// Delay is the time between two exports, Timeout bounds one of them.
	Delay, Timeout time.Duration
	// Queue is how many spans wait at most; more are dropped. Size is the largest batch.
	Queue, Size int
}

func defaultOTLP() OTLP {
	return OTLP{
		MetricsReceiver: defaultOTLPReceiver(), TracesReceiver: defaultOTLPReceiver(), TracesRatio: 1,
		Spans:       SpanBatches{Delay: 5 * time.Second, Timeout: 30 * time.Second, Queue: 2048, Size: 512},
		Temporality: "cumulative", ExportTimeout: 30 * time.Second, Interval: time.Minute,
	}
}

// otlp reads the section otlp. It adds headers and attributes to those of the environment, and overrides everything else.
func (d *decoder) otlp(to *OTLP) field {
	known := d.otlpReceivers(&to.MetricsReceiver, &to.TracesReceiver)
	maps.Copy(known, fields{
		"enabled": d.boolean(&to.Enabled), "traces": d.boolean(&to.Traces), "traces_ratio": d.ratio(&to.TracesRatio),
		"temporality": d.choice(&to.Temporality, "cumulative", "delta"), "interval": d.duration(&to.Interval),
		"resource_attributes": d.stringMap(&to.ResourceAttributes), "attributes": d.attributeNames(&to.SemanticConventions),
	})
	return d.section(known)
}

// attributeNames reads how the attributes of metrics are named.
func (d *decoder) attributeNames(conventions *bool) field {
	return func(n *yaml.Node, path string) {
		var names string
		d.choice(&names, "labels", "semconv")(n, path)
		*conventions = names == "semconv"
	}
}

// complete checks keys that depend on each other. A receiver that is not used is reset, and so not checked.
func (o *OTLP) complete(d *decoder) {
	if d.nodes["otlp.enabled"] != nil && !o.Enabled {
		o.Traces = false // enabled: false turns traces off, too
	}
	if !o.Enabled && !o.Traces {
		*o = defaultOTLP()
		return
	}
	if !o.Enabled {
		o.MetricsReceiver = defaultOTLPReceiver()
	}
	if !o.Traces {
		o.TracesReceiver = defaultOTLPReceiver()
	}
	o.MetricsReceiver.complete(d, MetricsPath)
	o.TracesReceiver.complete(d, TracesPath)
}
