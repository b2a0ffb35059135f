package instrumentation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"dora-exporter/dora"
)

// sharedStore is the store of several servers: the facts, the lease on the push, and what was pushed as deltas.
type sharedStore struct {
	mu     sync.Mutex
	facts  []dora.Fact
	holder string
	until  time.Time
	pushed map[string]dora.PushedSeries
	// claim is how long it takes to claim the lease.
	claim time.Duration
}

// deploy stores a fact.
func (s *sharedStore) deploy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts = append(s.facts, dora.Fact{Position: int64(len(s.facts) + 1), Family: dora.DeploymentsTotal, Labels: success, Value: 1})
}

// receiverOfServers is the receiver, which gets the requests of all servers.
type receiverOfServers struct {
	mu sync.Mutex
	// arrived are the values of the deployments, as "SERVER VALUE", total their last value or the sum of all deltas.
	arrived []string
	total   float64
	// own are the instances whose own metrics have arrived.
	own map[string]bool
}

// pushingServer is a server with the receiver of all.
type pushingServer struct {
	sdkmetric.Exporter

	name        string
	store       *sharedStore
	receiver    *receiverOfServers
	instruments *Instruments
	push        *Push

	mu       sync.Mutex
	recorded int
	// cut is true while the server can't reach the store, slow while it takes no facts from it.
	cut, slow bool
	// blocked has exports wait for the end of their context.
	blocked bool
}

var errCut = errors.New("the store can't be reached")

func (p *pushingServer) set(f func(*pushingServer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

func (p *pushingServer) isCut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut
}

func (p *pushingServer) ClaimPush(_ context.Context, term time.Duration) (bool, error) {
	if time.Sleep(p.store.claim); p.isCut() {
		return false, errCut
	}
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	if p.store.holder != p.name && time.Now().Before(p.store.until) {
		return false, nil
	}
	p.store.holder, p.store.until = p.name, time.Now().Add(term)
	return true, nil
}

func (p *pushingServer) ReleasePush(context.Context) error {
	if p.isCut() {
		return errCut
	}
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	if p.store.holder == p.name {
		p.store.until = time.Time{}
	}
	return nil
}

// catchUp records the facts that the server lacks.
func (p *pushingServer) catchUp(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut || p.slow {
		return errCut
	}
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	err := p.instruments.Record(p.store.facts[p.recorded:])
	p.recorded = len(p.store.facts)
	return err
}

func (p *pushingServer) load(context.Context) ([]dora.PushedSeries, bool, error) {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	return slices.Collect(maps.Values(p.store.pushed)), p.store.pushed != nil, nil
}

func (p *pushingServer) confirmed(_ context.Context, all []dora.PushedSeries) {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	if p.store.holder != p.name || !time.Now().Before(p.store.until) {
		return // the lease is lost
	}
	if p.store.pushed == nil {
		p.store.pushed = map[string]dora.PushedSeries{}
	}
	for _, s := range all {
		p.store.pushed[s.Instrument+s.Labels.Key()] = s
	}
}

// Export takes a request for the receiver.
func (p *pushingServer) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	p.mu.Lock()
	blocked := p.blocked
	p.mu.Unlock()
	if blocked {
		<-ctx.Done()
		return ctx.Err()
	}
	p.receiver.mu.Lock()
	defer p.receiver.mu.Unlock()
	instance, _ := all.Resource.Set().Value(attribute.Key("service.instance.id"))
	for _, scope := range all.ScopeMetrics {
		if scope.Scope.Name == selfScope {
			p.receiver.own[instance.AsString()] = true
			continue
		}
		for _, m := range scope.Metrics {
			sum, ok := m.Data.(metricdata.Sum[float64])
			if !ok || m.Name != instrumentNames[dora.DeploymentsTotal] {
				continue
			}
			value := sum.DataPoints[0].Value
			p.receiver.arrived = append(p.receiver.arrived, fmt.Sprint(p.name, " ", value))
			if p.receiver.total += value; sum.Temporality == metricdata.CumulativeTemporality {
				p.receiver.total = value
			}
			if instance.AsString() != "store" {
				return fmt.Errorf("deployments of instance %s", instance.AsString())
			}
		}
	}
	return nil
}

func (*pushingServer) Shutdown(context.Context) error { return nil }

// startServer starts a server that pushes every ten seconds.
func startServer(t *testing.T, name string, s *sharedStore, r *receiverOfServers, delta bool) *pushingServer {
	t.Helper()
	p := &pushingServer{Exporter: noExporter(t), name: name, store: s, receiver: r}
	o := testOptions()
	o.Now = time.Now
	var err error
	if p.instruments, err = New(o); err != nil {
		t.Fatal(err)
	}
	p.instruments.Restore(dora.State{})
	push := pushOptions("http/protobuf", "http://127.0.0.1:1/v1/metrics", slog.New(slog.DiscardHandler))
	push.Interval = 10 * time.Second
	push.Lease = &LeaseOptions{PushLease: p, Prepare: p.catchUp, Resource: map[string]string{"service.instance.id": name}}
	if delta {
		push.Delta = &DeltaOptions{Load: p.load, Confirmed: p.confirmed}
	}
	if p.push, err = p.instruments.startPush(t.Context(), push, p); err != nil {
		t.Fatal(err)
	}
	return p
}

// noExporter has the methods of an exporter that the tests don't replace.
func noExporter(t *testing.T) sdkmetric.Exporter {
	t.Helper()
	e, err := newMetricExporter(t.Context(), Receiver{Protocol: "http/protobuf", Endpoint: "http://127.0.0.1:1/v1/metrics", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// newest returns the last values that have arrived, one after the other without repetitions, and forgets them.
func (r *receiverOfServers) newest() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Compact(r.arrived)
	r.arrived = nil
	return all
}

// A server that stops while it claims the lease for the first time pushes before it ends.
func TestStopDuringTheFirstClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, receiver := &sharedStore{claim: releaseTimeout / 2}, &receiverOfServers{own: map[string]bool{}}
		store.deploy()
		err := startServer(t, "a", store, receiver, false).push.Stop(t.Context())
		if got := receiver.newest(); err != nil || !slices.Equal(got, []string{"a 1"}) {
			t.Errorf("%q arrived, %v", got, err)
		}
	})
}

// One server at a time pushes, and another one continues where it has stopped, was killed or was cut off from the store.
func TestPushMovesToAnotherServer(t *testing.T) {
	for _, delta := range []bool{false, true} {
		t.Run(fmt.Sprintf("delta %t", delta), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, receiver := &sharedStore{}, &receiverOfServers{own: map[string]bool{}}
				value := func(cumulative, additions string) string {
					return map[bool]string{false: cumulative, true: additions}[delta]
				}
				want := func(when string, total float64, values ...string) {
					t.Helper()
					values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
					if got := receiver.newest(); !slices.Equal(got, values) || receiver.total != total {
						t.Errorf("%s: %q arrived, in all %g; want %q and %g", when, got, receiver.total, values, total)
					}
				}
				a := startServer(t, "a", store, receiver, delta)
				synctest.Wait()
				b := startServer(t, "b", store, receiver, delta)
				time.Sleep(time.Minute)
				want("before the first deployment", 0)

				store.deploy()
				_ = b.catchUp(t.Context())
				_ = a.catchUp(t.Context())
				time.Sleep(25 * time.Second)
				want("a pushes", 1, value("", "a 0"), "a 1")

				store.deploy() // a counts and pushes it, b counts nothing by itself from now on
				_ = a.catchUp(t.Context())
				time.Sleep(25 * time.Second)
				want("a pushes more", 2, value("a 2", "a 1"))

				a.set(func(p *pushingServer) { p.cut = true })
				store.deploy()
				time.Sleep(leaseTerm + leaseRenewal + 11*time.Second)
				want("b takes over", 3, value("a 2", ""), value("b 3", "b 1"))

				a.set(func(p *pushingServer) { p.cut = false })
				store.deploy()
				_ = a.catchUp(t.Context())
				_ = b.catchUp(t.Context())
				time.Sleep(time.Minute)
				want("b goes on", 4, value("b 4", "b 1"))

				store.deploy()
				_ = b.catchUp(t.Context())
				if err := b.push.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
				want("b stops", 5, value("b 5", "b 1"))
				store.deploy()
				time.Sleep(leaseRenewal + time.Second)
				want("a takes over", 6, value("a 6", "a 1"))
				if err := a.push.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
				if !maps.Equal(receiver.own, map[string]bool{"a": true, "b": true}) {
					t.Errorf("the own metrics of %v arrived", receiver.own)
				}
			})
		})
	}
}

// A server that can't catch up with the facts leaves the push to others.
func TestPushNeedsAllFacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, receiver := &sharedStore{}, &receiverOfServers{own: map[string]bool{}}
		store.deploy()
		store.holder, store.until = "a", time.Now().Add(time.Second)
		b := startServer(t, "b", store, receiver, false)
		b.set(func(p *pushingServer) { p.slow = true })
		time.Sleep(30 * time.Second)
		if got := receiver.newest(); got != nil {
			t.Errorf("%q arrived from a server without the facts", got)
		}
		c := startServer(t, "c", store, receiver, false)
		time.Sleep(30 * time.Second)
		if got := receiver.newest(); !slices.Equal(got, []string{"c 1"}) {
			t.Errorf("%q arrived, want the deployment from c", got)
		}
		for _, p := range []*pushingServer{b, c} {
			if err := p.push.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// An export that takes longer than the lease ends with it, and the values come from the next server.
func TestExportEndsWithItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, receiver := &sharedStore{claim: time.Millisecond}, &receiverOfServers{own: map[string]bool{}} // so that a is blocked before it pushes
		store.deploy()
		a := startServer(t, "a", store, receiver, false)
		a.set(func(p *pushingServer) { p.blocked = true })
		time.Sleep(time.Second)
		b := startServer(t, "b", store, receiver, false)
		time.Sleep(time.Second)
		a.set(func(p *pushingServer) { p.cut = true })
		store.mu.Lock()
		lapses := store.until
		store.mu.Unlock()
		time.Sleep(time.Until(lapses) + leaseRenewal + time.Second)
		a.set(func(p *pushingServer) { p.blocked = false })
		time.Sleep(time.Minute)
		if got := receiver.newest(); !slices.Equal(got, []string{"b 1"}) {
			t.Errorf("%q arrived, want the deployment from b", got)
		}
		for _, p := range []*pushingServer{a, b} {
			if err := p.push.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
