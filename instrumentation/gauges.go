package instrumentation

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// registerGauges makes the gauges, whose values are read at each scrape.
func (o *SelfMetrics) registerGauges(m metric.Meter, options Options) error {
	gauges := map[string]metric.Float64ObservableGauge{}
	var all []metric.Observable
	for _, name := range []string{
		"dora_exporter.build_info", "dora_exporter.backlog", "dora_exporter.dead_letters", "dora_exporter.series", "dora_exporter.series.limit", "dora_exporter.oldest_pending.age", "dora_exporter.github.lookups_waiting",
		"dora_exporter.github.rate_limit", "dora_exporter.github.rate_limit_remaining", "dora_exporter.github.auth_failing", "dora_exporter.github.paused", "dora_exporter.checkpoint.age",
		"dora_exporter.github.inaccessible_repositories",
		"dora_exporter.evaluations.waiting", "dora_exporter.evaluations.due", "dora_exporter.evaluations.oldest_waiting",
		"dora_exporter.unsigned_webhooks_accepted", "dora_exporter.store.waiting_writes", "dora_exporter.store.stalled", "dora_exporter.store.wal", "dora_exporter.store.size",
		"dora_exporter.projection.lag", "dora_exporter.otlp.lease_held",
	} {
		g, err := m.Float64ObservableGauge(name, metric.WithDescription(selfHelp[name]), metric.WithUnit(selfUnits[name]))
		if err != nil {
			return fmt.Errorf("instrument %s: %w", name, err)
		}
		gauges[name], all = g, append(all, g)
	}
	_, err := m.RegisterCallback(func(ctx context.Context, to metric.Observer) error {
		set := func(name string, value float64, kvs ...attribute.KeyValue) {
			to.ObserveFloat64(gauges[name], value, metric.WithAttributes(kvs...))
		}
		o.setGauges(ctx, options, set)
		return nil
	}, all...)
	return err
}

// setGauges sets the values of the gauges.
func (o *SelfMetrics) setGauges(ctx context.Context, options Options, set func(name string, value float64, kvs ...attribute.KeyValue)) {
	set("dora_exporter.build_info", 1, attribute.String("version", options.Version),
		attribute.String("revision", options.Revision), attribute.String("goversion", options.GoVersion))
	o.gitHub.observe(set)
	o.setSeriesGauges(ctx, options, set)
	now := options.Now()
	if at := o.lastCheckpoint.Load(); at != nil {
		set("dora_exporter.checkpoint.age", max(0, now.Sub(*at).Seconds()))
	}
	for _, source := range options.Unsigned {
		set("dora_exporter.unsigned_webhooks_accepted", 1, attribute.String("source", source))
	}
	o.setWriterGauges(options, set)
	if pushing := o.pushing.Load(); pushing != nil {
		set("dora_exporter.otlp.lease_held", boolValue((*pushing)()))
	}
	if options.Lag != nil {
		set("dora_exporter.projection.lag", float64(options.Lag()))
	}
	backlog, err := withinTimeout(&o.queries, "backlog", func() (Backlog, error) { return options.Backlog(context.WithoutCancel(ctx)) })
	if err != nil {
		return // absent rather than wrong; the log and /readyz have the store's error
	}
	set("dora_exporter.backlog", float64(backlog.Deliveries))
	set("dora_exporter.dead_letters", float64(backlog.SetAside))
	set("dora_exporter.github.lookups_waiting", float64(backlog.LookUps))
	set("dora_exporter.evaluations.waiting", float64(backlog.Evaluations))
	set("dora_exporter.evaluations.due", float64(backlog.EvaluationsDue))
	set("dora_exporter.evaluations.oldest_waiting", backlog.EvaluationsAge.Seconds())
	age := 0.0
	if !backlog.Oldest.IsZero() {
		age = max(0, now.Sub(backlog.Oldest).Seconds())
	}
	set("dora_exporter.oldest_pending.age", age)
}

// setSeriesGauges sets the series limit and how many series count towards it.
func (o *SelfMetrics) setSeriesGauges(ctx context.Context, options Options, set func(name string, value float64, kvs ...attribute.KeyValue)) {
	set("dora_exporter.series.limit", float64(options.MaxSeries))
	taken, err := withinTimeout(&o.queries, "series", func() (map[string]int, error) { return options.Series(context.WithoutCancel(ctx)) })
	if err != nil {
		return
	}
	for families, n := range taken {
		set("dora_exporter.series", float64(n), attribute.String("families", families))
	}
}

// setWriterGauges sets the state of the store's writer.
func (o *SelfMetrics) setWriterGauges(options Options, set func(name string, value float64, kvs ...attribute.KeyValue)) {
	if options.Writes == nil {
		return
	}
	w, err := options.Writes()
	set("dora_exporter.store.waiting_writes", float64(w.Waiting))
	set("dora_exporter.store.stalled", w.Stalled.Seconds())
	if err == nil {
		set("dora_exporter.store.wal", float64(w.Log))
		set("dora_exporter.store.size", float64(w.Size))
	}
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
