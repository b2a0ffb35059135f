package app

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"os"
	"strconv"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/instrumentation"
)

// resourceAttributes returns the attributes of the sender. They are the same after a restart and in every version, since a series with other
// attributes is another one to many receivers; instance is that of the store.
func resourceAttributes(o *config.OTLP, instance string) map[string]string {
	r := map[string]string{"service.name": "dora-exporter", instanceAttribute: instance}
	maps.Copy(r, o.ResourceAttributes)
	return r
}

// instanceAttribute tells senders of the same service apart.
// https://opentelemetry.io/docs/specs/semconv/registry/attributes/service/#service-instance-id
const instanceAttribute = "service.instance.id"

// instanceName returns the name of this server among those that share a store: the host and the port of the webhooks.
func instanceName(c *config.Config) string {
	host, err := os.Hostname()
	if err != nil {
		host = c.Server.Host
	}
	return net.JoinHostPort(host, strconv.Itoa(c.Server.Port))
}

// versioned returns the attributes of a sender of traces, which have a version.
func versioned(resource map[string]string, version string) map[string]string {
	r := map[string]string{"service.version": version}
	maps.Copy(r, resource)
	return r
}

// startPush starts the push of metrics. It returns nil if that is off.
func (p *parts) startPush(ctx context.Context, options *Options) (*instrumentation.Push, error) {
	o, logger := &options.Config.OTLP, options.Logger
	if !o.Enabled {
		return nil, nil //nolint:nilnil // the push is off
	}
	to, err := newReceiver(&o.MetricsReceiver, config.MetricsPath)
	if err != nil {
		return nil, err
	}
	push := instrumentation.PushOptions{
		Receiver: to, Export: o.ExportTimeout, Interval: o.Interval, SemanticConventions: o.SemanticConventions,
		Resource: resourceAttributes(o, p.store.ID()), Logger: logger,
	}
	if o.Temporality == "delta" {
		push.Delta = p.delta(logger)
	}
	if p.store.push != nil {
		push.Lease = p.pushLease(options)
		push.Resource[instanceAttribute] = p.store.ID() // that of the configuration may be one of several
	}
	logger.Info("pushing metrics", "endpoint", to.Address(), "protocol", to.Protocol, "temporality", o.Temporality, "interval", o.Interval)
	return p.instruments.StartPush(ctx, push)
}

// forgetPushed forgets what was pushed as deltas, unless deltas are pushed. Of servers that share the push, the one that makes it does that.
func (p *parts) forgetPushed(ctx context.Context, o *config.OTLP) error {
	if o.Enabled && (p.store.push != nil || o.Temporality == "delta") {
		return nil
	}
	return p.store.whileAway(ctx, func() error { return p.store.ForgetPushed(ctx) })
}

// pushLease returns how this server shares the push with others.
func (p *parts) pushLease(options *Options) *instrumentation.LeaseOptions {
	o := &options.Config.OTLP
	return &instrumentation.LeaseOptions{
		PushLease: p.store.push, Resource: resourceAttributes(o, instanceName(options.Config)),
		Prepare: func(ctx context.Context) error {
			if err := p.projection.WaitCurrent(ctx); err != nil || o.Temporality == "delta" {
				return err
			}
			return p.store.ForgetPushed(ctx)
		},
	}
}

// delta says where the receiver is, so that what it lacks is pushed.
func (p *parts) delta(logger *slog.Logger) *instrumentation.DeltaOptions {
	confirmed := func(ctx context.Context, series []dora.PushedSeries) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), savePushedTimeout)
		defer cancel()
		if err := p.store.SetPushed(ctx, series); err != nil {
			logger.Warn("saving what was pushed as deltas failed, a restart may push some twice", "error", err)
		}
	}
	return &instrumentation.DeltaOptions{Load: p.store.Pushed, Confirmed: confirmed}
}

// startTraces starts the push of traces. It returns nil if that is off.
func (p *parts) startTraces(ctx context.Context, options *Options) (*instrumentation.Traces, error) {
	o, logger := &options.Config.OTLP, options.Logger
	if !o.Traces {
		return nil, nil //nolint:nilnil // traces are off
	}
	to, err := newReceiver(&o.TracesReceiver, config.TracesPath)
	if err != nil {
		return nil, err
	}
	logger.Info("pushing traces", "endpoint", to.Address(), "protocol", to.Protocol, "ratio", o.TracesRatio)
	return p.instruments.StartTraces(ctx, instrumentation.TraceOptions{
		Receiver: to, Ratio: o.TracesRatio, Batches: instrumentation.SpanBatches(o.Spans), Resource: versioned(resourceAttributes(o, p.store.ID()), options.Version), Logger: logger,
	})
}

// newReceiver converts the configuration of a receiver; path is the signal's.
func newReceiver(r *config.OTLPReceiver, path string) (instrumentation.Receiver, error) {
	to, err := r.Endpoint.Target(r.Protocol, path)
	if err != nil {
		return instrumentation.Receiver{}, err
	}
	secure, err := r.TLS(to.Plain)
	return instrumentation.Receiver{
		Protocol: r.Protocol, Endpoint: to.Address, TLS: secure, Headers: r.Headers, Gzip: r.Compression == "gzip", Timeout: r.Timeout,
	}, err
}
