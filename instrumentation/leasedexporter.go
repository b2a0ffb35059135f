package instrumentation

import (
	"context"
	"errors"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// leasedExporter collects and exports only while this server holds the lease on the push. It satisfies both Producer and Exporter of
// go.opentelemetry.io/otel/sdk/metric, whose reader calls them in turn.
type leasedExporter struct {
	sdkmetric.Exporter

	source sdkmetric.Producer
	keeper *leaseKeeper
	// collected is what was held when the values were collected; nil if nothing was.
	collected *heldLease
}

// Produce returns nothing unless this server holds the lease.
func (l *leasedExporter) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	if l.collected = l.keeper.current(); l.collected == nil {
		return nil, nil
	}
	return l.source.Produce(ctx)
}

// Export exports unless the lease was lost since the values were collected. An export that the end of the lease interrupts fails.
func (l *leasedExporter) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	if l.collected == nil || l.keeper.current() != l.collected {
		return nil
	}
	return l.Exporter.Export(context.WithValue(ctx, heldKey{}, l.collected), all)
}

type heldKey struct{}

var errLeaseLapsed = errors.New("the lease on the push has lapsed")

// fencedExporter ends exports when the lease ends, whatever ends them else.
type fencedExporter struct{ sdkmetric.Exporter }

// Export exports within the lease that leasedExporter has checked.
func (f fencedExporter) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	held, _ := ctx.Value(heldKey{}).(*heldLease)
	if held == nil || held.ctx.Err() != nil {
		return errLeaseLapsed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(held.ctx, func() { cancel(errLeaseLapsed) })()
	err := f.Exporter.Export(ctx, all)
	if err != nil && context.Cause(ctx) == errLeaseLapsed { //nolint:errorlint // it is exactly this one
		return errLeaseLapsed
	}
	return err
}

// ownResourceExporter exports the program's own metrics with a resource of this server and the families of facts with that of the store.
// These are the same from all servers, those are not.
type ownResourceExporter struct {
	sdkmetric.Exporter

	own *resource.Resource
}

// Export makes up to two exports.
func (e ownResourceExporter) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	facts, self := metricdata.ResourceMetrics{Resource: all.Resource}, metricdata.ResourceMetrics{Resource: e.own}
	for _, scope := range all.ScopeMetrics {
		to := &facts
		if scope.Scope.Name == selfScope {
			to = &self
		}
		to.ScopeMetrics = append(to.ScopeMetrics, scope)
	}
	var errs []error
	for _, part := range []*metricdata.ResourceMetrics{&facts, &self} {
		if len(part.ScopeMetrics) > 0 {
			errs = append(errs, e.Exporter.Export(ctx, part))
		}
	}
	return errors.Join(errs...)
}
