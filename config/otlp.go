package config

import (
	"maps"
	"time"
)

// otlpConfig says what is pushed, and how. https://opentelemetry.io/docs/specs/otel/protocol/exporter/
type OTLP struct {
	// Enabled is set when metrics are pushed, Traces when traces are.
	Enabled, Traces bool
	// MetricsTo and TracesTo are where they are pushed to: one receiver in the file, perhaps two in the environment.
	MetricsReceiver, TracesReceiver OTLPReceiver
	// TracesRatio is the part of the traces that is kept, from 0 to 1.
	TracesRatio float64
	// Spans are the batches in which traces are pushed.
	Spans SpanBatches
	// Temporality is cumulative or delta.
	Temporality string
	// ExportTimeout bounds all of a push of metrics, Interval is the time between two.
	ExportTimeout, Interval time.Duration
	ResourceAttributes      map[string]string
}

// SpanBatches says how spans wait and leave.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#batch-span-processor
type SpanBatches struct {
	// Delay is the time between two exports, Timeout bounds one of them.
	Delay, Timeout time.Duration
	// Queue is how many spans may wait and Size how many leave together; what doesn't fit is dropped.
	Queue, Size int
}

func defaultOTLP() OTLP {
	return OTLP{
		MetricsReceiver: defaultOTLPReceiver(), TracesReceiver: defaultOTLPReceiver(), TracesRatio: 1,
		Spans:       SpanBatches{Delay: 5 * time.Second, Timeout: 30 * time.Second, Queue: 2048, Size: 512},
		Temporality: "cumulative", ExportTimeout: 30 * time.Second, Interval: time.Minute,
	}
}

// otlp reads the section. Headers and attributes are added to those of the environment, in whose place all else stands.
func (d *decoder) otlp(to *OTLP) field {
	known := d.otlpReceivers(&to.MetricsReceiver, &to.TracesReceiver)
	maps.Copy(known, fields{
		"enabled": d.boolean(&to.Enabled), "traces": d.boolean(&to.Traces), "traces_ratio": d.ratio(&to.TracesRatio),
		"temporality": d.choice(&to.Temporality, "cumulative", "delta"), "interval": d.duration(&to.Interval),
		"resource_attributes": d.stringMap(&to.ResourceAttributes),
	})
	return d.section(known)
}

// complete checks what belongs together. What is not used is not looked at.
func (o *OTLP) complete(d *decoder) {
	if d.nodes["otlp.enabled"] != nil && !o.Enabled {
		o.Traces = false // off is off
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
