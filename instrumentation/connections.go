package instrumentation

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Pool is the state of a pool of connections to the database.
type Pool struct {
	Name string
	Connections
}

// Connections are those of a pool.
type Connections struct {
	// Used and Idle are their numbers, Limit how many there may be.
	Used, Idle, Limit int
	// Waits is how often a query had to wait for a connection, Waited how long all of them together have waited.
	Waits  int64
	Waited time.Duration
}

// registerPools makes the metrics of the pools, which are read at each scrape.
func registerPools(m metric.Meter, pools func() []Pool) error {
	gauge := func(name string) (metric.Float64ObservableGauge, error) {
		return m.Float64ObservableGauge(name, metric.WithDescription(selfHelp[name]), metric.WithUnit(selfUnits[name]))
	}
	const waitsName, waitedName = "dora_exporter.store.connections.waits", "dora_exporter.store.connections.wait_time"
	connections, err := gauge("dora_exporter.store.connections")
	limit, limitErr := gauge("dora_exporter.store.connections.limit")
	waits, waitsErr := m.Int64ObservableCounter(waitsName, metric.WithDescription(selfHelp[waitsName]), metric.WithUnit(selfUnits[waitsName]))
	waited, waitedErr := m.Float64ObservableCounter(waitedName, metric.WithDescription(selfHelp[waitedName]), metric.WithUnit(selfUnits[waitedName]))
	if err := errors.Join(err, limitErr, waitsErr, waitedErr); err != nil {
		return err
	}
	_, err = m.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		for _, p := range pools() {
			pool := attribute.String("pool", p.Name)
			to.ObserveFloat64(connections, float64(p.Used), metric.WithAttributes(pool, attribute.String("state", "used")))
			to.ObserveFloat64(connections, float64(p.Idle), metric.WithAttributes(pool, attribute.String("state", "idle")))
			to.ObserveFloat64(limit, float64(p.Limit), metric.WithAttributes(pool))
			to.ObserveInt64(waits, p.Waits, metric.WithAttributes(pool))
			to.ObserveFloat64(waited, p.Waited.Seconds(), metric.WithAttributes(pool))
		}
		return nil
	}, connections, limit, waits, waited)
	return err
}
