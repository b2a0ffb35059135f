package instrumentation

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Leases is the state of the leases on the work of a queue that several servers share.
type Leases struct {
	// Queue is deliveries, lookups, comparisons (evaluations of deployments) or evaluations (the others).
	Queue string
	// Held is how many leases this server holds, TakenOver how many expired leases of other servers it has taken over, and Lost how many
	// transactions it had to undo because another server had taken over their lease.
	Held            int
	TakenOver, Lost int64
}

// registerLeases makes the metrics of the leases, which are read at each scrape. Only the ages of unclaimed leases need an answer of the store.
func registerLeases(m metric.Meter, queries *storeQueries, leases func() []Leases, unclaimedLeases func(context.Context) (map[string]time.Duration, error)) error {
	const takenOverName, lostName, unclaimedName, heldName = "dora_exporter.leases.taken_over", "dora_exporter.leases.lost", "dora_exporter.leases.unclaimed", "dora_exporter.leases.held"
	takenOver, err := m.Int64ObservableCounter(takenOverName, metric.WithDescription(selfHelp[takenOverName]), metric.WithUnit(selfUnits[takenOverName]))
	lost, lostErr := m.Int64ObservableCounter(lostName, metric.WithDescription(selfHelp[lostName]), metric.WithUnit(selfUnits[lostName]))
	held, heldErr := m.Float64ObservableGauge(heldName, metric.WithDescription(selfHelp[heldName]), metric.WithUnit(selfUnits[heldName]))
	unclaimed, unclaimedErr := m.Float64ObservableGauge(unclaimedName, metric.WithDescription(selfHelp[unclaimedName]), metric.WithUnit(selfUnits[unclaimedName]))
	if err := errors.Join(err, lostErr, heldErr, unclaimedErr); err != nil {
		return err
	}
	_, err = m.RegisterCallback(func(ctx context.Context, to metric.Observer) error {
		for _, l := range leases() {
			queue := metric.WithAttributes(attribute.String("queue", l.Queue))
			to.ObserveFloat64(held, float64(l.Held), queue)
			to.ObserveInt64(takenOver, l.TakenOver, queue)
			to.ObserveInt64(lost, l.Lost, queue)
		}
		ages, err := withinTimeout(queries, "leases", func() (map[string]time.Duration, error) { return unclaimedLeases(context.WithoutCancel(ctx)) })
		if err == nil { // else absent rather than wrong, as what waits in the store
			for queue, age := range ages {
				to.ObserveFloat64(unclaimed, age.Seconds(), metric.WithAttributes(attribute.String("queue", queue)))
			}
		}
		return nil
	}, takenOver, lost, held, unclaimed)
	return err
}
