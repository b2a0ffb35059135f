package instrumentation

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A process that is paused between the collection and the export, longer than its lease, does not export.
func TestPausedServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exported := 0
		keeper := &leaseKeeper{logger: slog.New(slog.DiscardHandler), onHeld: func() {}}
		l := &leasedExporter{Exporter: exporterFunc(func() { exported++ }), source: producerFunc(func() {}), keeper: keeper}
		export := func() {
			t.Helper()
			if err := l.Export(t.Context(), &metricdata.ResourceMetrics{}); err != nil {
				t.Error(err)
			}
		}
		collect := func() {
			t.Helper()
			if _, err := l.Produce(t.Context()); err != nil {
				t.Error(err)
			}
		}
		collect()
		keeper.begin(time.Now().Add(leaseTerm))
		export() // collected without the lease
		collect()
		keeper.held.lapse.Stop() // a paused process has no timers
		time.Sleep(leaseTerm)
		export()
		keeper.begin(time.Now().Add(leaseTerm)) // claimed again, perhaps after others have pushed
		export()
		if exported != 0 {
			t.Fatalf("%d exports of values from before the lease", exported)
		}
		collect()
		export()
		if exported != 1 {
			t.Errorf("%d exports, want one within the lease", exported)
		}
		keeper.end()
	})
}

type exporterFunc func()

func (f exporterFunc) Temporality(kind sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DefaultTemporalitySelector(kind)
}

func (f exporterFunc) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}
func (f exporterFunc) Export(context.Context, *metricdata.ResourceMetrics) error { f(); return nil }
func (exporterFunc) ForceFlush(context.Context) error                            { return nil }
func (exporterFunc) Shutdown(context.Context) error                              { return nil }

type producerFunc func()

func (f producerFunc) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	f()
	return []metricdata.ScopeMetrics{{}}, nil
}

// slowLease is a lease of a store that takes some time for each answer.
type slowLease time.Duration

func (l slowLease) ClaimPush(context.Context, time.Duration) (bool, error) {
	time.Sleep(time.Duration(l))
	return true, nil
}

func (slowLease) ReleasePush(context.Context) error { return nil }

// A server counts on its lease from the claim on, and not from the answer: the store may have granted it long before.
func TestSlowClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := leaseKeeper{
			lease: slowLease(2 * time.Second), logger: slog.New(slog.DiscardHandler), onHeld: func() {},
			prepare: func(context.Context) error { return nil },
		}
		claimed := time.Now()
		k.renew(t.Context())
		defer k.end()
		if k.current() == nil {
			t.Error("it holds no lease")
		}
		time.Sleep(time.Until(claimed.Add(leaseTerm)))
		if k.current() != nil {
			t.Error("it holds the lease longer than the store grants it")
		}
	})
}
