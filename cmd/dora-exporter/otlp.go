package main

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"dora-exporter/instrumentation"
)

// otlpConfig says what is pushed, and how. https://opentelemetry.io/docs/specs/otel/protocol/exporter/
type otlpConfig struct {
	// Enabled is set when metrics are pushed, Traces when traces are.
	Enabled, Traces bool
	// MetricsTo and TracesTo are where they are pushed to: one receiver in the file, perhaps two in the environment.
	MetricsTo, TracesTo otlpReceiver
	// TracesRatio is the part of the traces that is kept, from 0 to 1.
	TracesRatio float64
	// Spans are the batches in which traces are pushed.
	Spans instrumentation.SpanBatches
	// Temporality is cumulative or delta.
	Temporality string
	// ExportTimeout bounds all of a push of metrics, Interval is the time between two.
	ExportTimeout, Interval time.Duration
	ResourceAttributes      map[string]string
}

func defaultOTLP() otlpConfig {
	return otlpConfig{
		MetricsTo: defaultOTLPReceiver(), TracesTo: defaultOTLPReceiver(), TracesRatio: 1,
		Spans:       instrumentation.SpanBatches{Delay: 5 * time.Second, Timeout: 30 * time.Second, Queue: 2048, Size: 512},
		Temporality: "cumulative", ExportTimeout: 30 * time.Second, Interval: time.Minute,
	}
}

// otlp reads the section. Headers and attributes are added to those of the environment, in whose place all else stands.
func (d *decoder) otlp(to *otlpConfig) field {
	known := d.otlpReceivers(&to.MetricsTo, &to.TracesTo)
	maps.Copy(known, fields{
		"enabled": d.truth(&to.Enabled), "traces": d.truth(&to.Traces), "traces_ratio": d.ratio(&to.TracesRatio),
		"temporality": d.choice(&to.Temporality, "cumulative", "delta"), "interval": d.duration(&to.Interval),
		"resource_attributes": d.texts(&to.ResourceAttributes),
	})
	return d.section(known)
}

// complete checks what belongs together. What is not used is not looked at.
func (o *otlpConfig) complete(d *decoder) {
	if d.at["otlp.enabled"] != nil && !o.Enabled {
		o.Traces = false // off is off
	}
	if !o.Enabled && !o.Traces {
		*o = defaultOTLP()
		return
	}
	if !o.Enabled {
		o.MetricsTo = defaultOTLPReceiver()
	}
	if !o.Traces {
		o.TracesTo = defaultOTLPReceiver()
	}
	o.MetricsTo.complete(d, metricsPath)
	o.TracesTo.complete(d, tracesPath)
}

// resource says who pushes; instance is the same after a restart.
func (o *otlpConfig) resource(instance string) map[string]string {
	r := map[string]string{"service.name": "dora-exporter", "service.version": version, "service.instance.id": instance}
	maps.Copy(r, o.ResourceAttributes)
	return r
}

// startPush begins to push metrics; nil when it is off.
func (p *parts) startPush(ctx context.Context, o *otlpConfig, logger *slog.Logger) (*instrumentation.Push, error) {
	var delta *instrumentation.DeltaOptions
	var err error
	if o.Enabled && o.Temporality == "delta" {
		delta, err = p.delta(ctx, logger)
	} else {
		err = p.store.ForgetPushed(ctx)
	}
	if err != nil || !o.Enabled {
		return nil, err
	}
	to, err := o.MetricsTo.client(metricsPath)
	if err != nil {
		return nil, err
	}
	logger.Info("pushing metrics", "endpoint", to.Address(), "protocol", to.Protocol, "temporality", o.Temporality, "interval", o.Interval)
	return p.instruments.StartPush(ctx, instrumentation.PushOptions{
		Receiver: to, Export: o.ExportTimeout, Interval: o.Interval, Delta: delta,
		Resource: o.resource(p.store.ID()), Logger: logger,
	})
}

// delta says from where deltas go on: what has not arrived at the receiver is pushed after a restart. With the first push of deltas
// it is from now on.
func (p *parts) delta(ctx context.Context, logger *slog.Logger) (*instrumentation.DeltaOptions, error) {
	arrived := func(ctx context.Context, position int64) {
		ctx, cancel := context.WithTimeout(ctx, notingMayTake)
		defer cancel()
		if err := p.store.SetPushed(ctx, position); err != nil {
			logger.Warn("deltas may be pushed twice after a restart", "error", err)
		}
	}
	position := p.projection.Position()
	pushed, known, err := p.store.Pushed(ctx)
	if err != nil {
		return nil, err
	}
	if !known {
		pushed = position
		arrived(ctx, position)
	}
	missing, err := p.projection.Since(ctx, pushed)
	if err != nil {
		return nil, err
	}
	return &instrumentation.DeltaOptions{Position: position, Missing: missing, Arrived: arrived}, nil
}

// startTraces begins to follow deliveries; nil when it is off.
func (p *parts) startTraces(ctx context.Context, o *otlpConfig, logger *slog.Logger) (*instrumentation.Traces, error) {
	if !o.Traces {
		return nil, nil //nolint:nilnil // nothing is followed
	}
	to, err := o.TracesTo.client(tracesPath)
	if err != nil {
		return nil, err
	}
	logger.Info("pushing traces", "endpoint", to.Address(), "protocol", to.Protocol, "ratio", o.TracesRatio)
	return p.instruments.StartTraces(ctx, instrumentation.TraceOptions{
		Receiver: to, Ratio: o.TracesRatio, Batches: o.Spans, Resource: o.resource(p.store.ID()), Logger: logger,
	})
}
