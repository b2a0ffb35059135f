package instrumentation

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/singleflight"
)

// Leases is the state of the leases on the work of a queue that several servers share.
type Leases struct {
	// Queue is deliveries, lookups, comparisons (evaluations of deployments) or evaluations (the others).
	Queue string
	// Held is how many works this server has claimed and not released, TakenOver how many it has claimed after the lease of another server had
	// expired, and Lost how many transactions it had to undo because another server had claimed their work.
	Held            int
	TakenOver, Lost int64
	// Unclaimed is for how long the oldest lease has been expired whose work is due and claimed by nobody; 0 if there is none.
	Unclaimed time.Duration
}

// registerLeases makes the metrics of the leases, which are read at each scrape.
func registerLeases(m metric.Meter, leases func(context.Context) ([]Leases, error)) error {
	const takenOverName, lostName, unclaimedName, heldName = "dora_exporter.leases.taken_over", "dora_exporter.leases.lost", "dora_exporter.leases.unclaimed", "dora_exporter.leases.held"
	takenOver, err := m.Int64ObservableCounter(takenOverName, metric.WithDescription(selfHelp[takenOverName]), metric.WithUnit(selfUnits[takenOverName]))
	lost, lostErr := m.Int64ObservableCounter(lostName, metric.WithDescription(selfHelp[lostName]), metric.WithUnit(selfUnits[lostName]))
	held, heldErr := m.Float64ObservableGauge(heldName, metric.WithDescription(selfHelp[heldName]), metric.WithUnit(selfUnits[heldName]))
	unclaimed, unclaimedErr := m.Float64ObservableGauge(unclaimedName, metric.WithDescription(selfHelp[unclaimedName]), metric.WithUnit(selfUnits[unclaimedName]))
	if err := errors.Join(err, lostErr, heldErr, unclaimedErr); err != nil {
		return err
	}
	var query singleflight.Group
	_, err = m.RegisterCallback(func(ctx context.Context, to metric.Observer) error {
		all, err := withinTimeout(&query, func() ([]Leases, error) { return leases(context.WithoutCancel(ctx)) })
		for _, l := range all { // without an age if the store does not answer
			queue := metric.WithAttributes(attribute.String("queue", l.Queue))
			to.ObserveFloat64(held, float64(l.Held), queue)
			to.ObserveInt64(takenOver, l.TakenOver, queue)
			to.ObserveInt64(lost, l.Lost, queue)
			if err == nil {
				to.ObserveFloat64(unclaimed, l.Unclaimed.Seconds(), queue)
			}
		}
		return nil
	}, takenOver, lost, held, unclaimed)
	return err
}
