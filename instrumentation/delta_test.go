package instrumentation

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/instrumentation/otlptest"
)

// receiverOfDeltas adds up what it receives of each series, as the Collector's exporter to Prometheus does, and checks the intervals.
type receiverOfDeltas struct {
	*otlptest.Receiver

	read         int
	total, count map[string]float64
	until        map[string]uint64
	first        map[string]otlptest.Point
	zeros        map[string]int
}

func newReceiverOfDeltas(r *otlptest.Receiver) *receiverOfDeltas {
	return &receiverOfDeltas{
		Receiver: r, total: map[string]float64{}, count: map[string]float64{}, until: map[string]uint64{}, first: map[string]otlptest.Point{},
		zeros: map[string]int{},
	}
}

// add adds up what has arrived since the last call.
func (r *receiverOfDeltas) add(t *testing.T) {
	t.Helper()
	all := r.Requests()
	for _, request := range all[r.read:] {
		if request.Refused {
			continue
		}
		ends := map[uint64]bool{}
		for series, p := range request.Points() {
			ends[p.Until] = true
			if !p.Delta {
				continue
			}
			if p.Start >= p.Until {
				t.Errorf("%s: the interval from %d to %d is empty", series, p.Start, p.Until)
			}
			before, known := r.until[series]
			switch {
			case !known:
				r.first[series] = p
			case before != p.Start:
				t.Errorf("%s: an interval ends at %d and the next one starts at %d", series, before, p.Start)
			}
			if p.Value == 0 && p.Count == 0 {
				r.zeros[series]++
			}
			r.until[series] = p.Until
			r.total[series] += p.Value
			r.count[series] += float64(p.Count)
		}
		if len(ends) != 1 {
			t.Errorf("the points of one collection have the times %v", ends)
		}
	}
	r.read = len(all)
	for series, p := range r.first {
		if p.Value != 0 || p.Count != 0 || r.zeros[series] != 1 {
			t.Errorf("%s begins with %+v and has %d times 0, want once and at first", series, p, r.zeros[series])
		}
	}
}

func (r *receiverOfDeltas) want(t *testing.T, when string, totals map[string]float64) {
	t.Helper()
	r.add(t)
	for series, want := range totals {
		if got := r.total[series]; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %s adds up to %v, want %v", when, series, got, want)
		}
	}
}

const (
	countOfSuccess = `github.deployments{environment="production",repo="web",status="success",team="Platform"}`
	sumOfSuccess   = `github.deployments.duration.sum{environment="production",repo="web",status="success",team="Platform"}`
	leadOfScope    = `dora.change.lead_time{environment="production",owner="acme",repo="web",team="Platform"}`
)

func deltaOptions(protocol, address string, saved map[string]dora.PushedSeries) PushOptions {
	o := pushOptions(protocol, protocols[protocol].endpoint(address, "http"), slog.New(slog.DiscardHandler))
	o.Delta = &DeltaOptions{Load: loaded(saved == nil, slices.Collect(maps.Values(saved))...), Confirmed: func(_ context.Context, all []dora.PushedSeries) {
		for _, p := range all {
			if saved != nil {
				saved[p.Instrument+p.Labels.Key()] = p
			}
		}
	}}
	return o
}

// Deltas contain each fact after the restore once, in intervals without gaps, even if the receiver was away in between.
func TestDeltas(t *testing.T) {
	const exports = `dora_exporter.otlp.exports{result="partial"}`
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := newReceiverOfDeltas(p.receiver(t, "127.0.0.1:0", nil))
			i := newInstruments(t)
			i.Restore(dora.State{
				dora.DeploymentsTotal:       {success.Key(): {Labels: success, Baseline: 3, Own: 2}},
				dora.DeploymentsDurationSum: {success.Key(): {Labels: success, Own: 100}},
				dora.LeadTime:               {scope.Key(): {Labels: scope, Own: 5000, Buckets: append([]int64{1}, make([]int64, 16)...)}},
			})
			push := start(t, i, deltaOptions(protocol, r.Address, nil))
			flush := func() map[string]otlptest.Point { t.Helper(); return flushed(t, push, r.Receiver) }
			flush()
			r.want(t, "before the first event", map[string]float64{countOfSuccess: 0, leadOfScope: 0})
			record(t, i, someFacts()...)
			r.Refuse(true)
			flush()
			record(t, i, someFacts()...)
			r.Refuse(false)
			if p := flush()[sumOfSuccess]; p.Value != 0.1+2*90.5 || p.Delta {
				t.Errorf("the sum is %+v, want all of it", p)
			}
			r.want(t, "after a refusal", map[string]float64{countOfSuccess: 2, leadOfScope: 7200.246})
			if r.count[leadOfScope] != 2 {
				t.Errorf("%v lead times have arrived, want 2", r.count[leadOfScope])
			}
			if _, sent := flush()[countOfSuccess]; sent {
				t.Error("a series without additions is sent")
			}
			r.RejectPart("a point is odd", 1)
			record(t, i, someFacts()...)
			flush()
			r.RejectPart("", 0)
			record(t, i, someFacts()...)
			flush()
			stop(t, push)
			r.want(t, "at the end", map[string]float64{countOfSuccess: 4, leadOfScope: 4 * 3600.123})
			// The metrics of that push have new series, for which another one may follow while the receiver still says it.
			if n := r.total[exports]; n != 1 && n != 2 || !r.first[exports].Delta {
				t.Errorf("%v were taken in part, beginning with %+v; want 1 or 2", n, r.first[exports])
			}
		})
	}
}

// After a restart, deltas go on where the receiver is, with what it lacks from earlier processes, also if the clock was set back.
func TestDeltasAfterRestart(t *testing.T) {
	for name, step := range map[string]time.Duration{"time goes on": 0, "the clock is set back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := newReceiverOfDeltas(otlptest.NewHTTP(t, "127.0.0.1:0", nil))
			saved := map[string]dora.PushedSeries{}
			all := dora.State{}
			known := func(facts ...dora.Fact) []dora.Fact { // what a restart restores
				t.Helper()
				if err := all.Add(dora.FamiliesByName(), facts...); err != nil {
					t.Fatal(err)
				}
				return facts
			}
			run := func(step time.Duration, f func(*Instruments, func())) {
				i := newInstruments(t)
				i.options.Now = func() time.Time { return time.Now().Add(step) }
				i.Restore(clone(all))
				push := start(t, i, deltaOptions("http/protobuf", r.Address, saved))
				f(i, func() { flushed(t, push, r.Receiver) })
				r.Refuse(true) // as if it was killed
				stop(t, push)
				r.Refuse(false)
			}
			run(0, func(i *Instruments, flush func()) {
				record(t, i, known(someFacts()...)...)
				flush()
				flush()
				r.want(t, "in the first process", map[string]float64{countOfSuccess: 1, leadOfScope: 3600.123})
				r.Refuse(true)
				record(t, i, known(someFacts()...)...)
				flush()
			})
			known(someFacts()...) // stored, but not recorded before the end
			run(step, func(i *Instruments, flush func()) {
				flush()
				r.want(t, "what was missing", map[string]float64{countOfSuccess: 3, leadOfScope: 3 * 3600.123})
				record(t, i, known(someFacts()...)...)
				flush()
				r.want(t, "in the second process", map[string]float64{countOfSuccess: 4, leadOfScope: 4 * 3600.123})
			})
			run(2*step, func(_ *Instruments, flush func()) {
				flush()
				r.want(t, "nothing new", map[string]float64{countOfSuccess: 4, leadOfScope: 4 * 3600.123})
			})
		})
	}
}

// The first process with deltas sends nothing of what was counted before. If it is killed before its first push, the next one sends
// what came since.
func TestDeltasSwitchedOn(t *testing.T) {
	r := newReceiverOfDeltas(otlptest.NewHTTP(t, "127.0.0.1:0", nil))
	r.Refuse(true)
	before := dora.State{dora.DeploymentsTotal: {success.Key(): {Labels: success, Baseline: 3.5, Own: 2}}}
	saved := map[string]dora.PushedSeries{}
	i := newInstruments(t)
	i.Restore(clone(before))
	o := deltaOptions("http/protobuf", r.Address, saved)
	o.Delta.Load = loaded(true)
	push := start(t, i, o)
	flushed(t, push, r.Receiver)
	stop(t, push)
	r.Refuse(false)
	before[dora.DeploymentsTotal][success.Key()] = dora.Series{Labels: success, Baseline: 3.5, Own: 6}
	i = newInstruments(t)
	i.Restore(clone(before))
	push = start(t, i, deltaOptions("http/protobuf", r.Address, saved))
	flushed(t, push, r.Receiver)
	stop(t, push)
	r.want(t, "after both", map[string]float64{countOfSuccess: 4})
}

// A series that begins right before the stop is sent with 0 and then with its value.
func TestNewSeriesAtStop(t *testing.T) {
	r := newReceiverOfDeltas(otlptest.NewHTTP(t, "127.0.0.1:0", nil))
	i := newInstruments(t)
	i.Restore(dora.State{})
	push := start(t, i, deltaOptions("http/protobuf", r.Address, nil))
	flushed(t, push, r.Receiver)
	i.Begin([]dora.SeriesStart{{Family: dora.DeploymentsTotal, Labels: success, At: time.Now()}})
	record(t, i, someFacts()...)
	stop(t, push)
	r.want(t, "at the end", map[string]float64{countOfSuccess: 1, leadOfScope: 3600.123})
}

// A stop during a push of deltas lets it finish, and the last push does not repeat it.
func TestStopDuringDeltaPush(t *testing.T) {
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := p.receiver(t, "127.0.0.1:0", nil)
			i := newInstruments(t)
			i.Restore(dora.State{})
			o := pushOptions(protocol, p.endpoint(r.Address, "http"), slog.New(slog.DiscardHandler))
			o.Delta = &DeltaOptions{Load: loaded(true), Confirmed: func(context.Context, []dora.PushedSeries) {}}
			push := start(t, i, o)
			total := func() (sum float64) {
				for _, request := range r.Requests() {
					sum += request.Points()[countOfSuccess].Value
				}
				return sum
			}
			record(t, i, someFacts()...)
			flushed(t, push, r) // the series begins
			flushed(t, push, r)
			r.Block()
			record(t, i, someFacts()...)
			var flushing sync.WaitGroup
			flushing.Go(func() { _ = push.reader.ForceFlush(context.WithoutCancel(t.Context())) })
			defer flushing.Wait()
			eventually(t, "a push is under way", func() bool { return total() == 2 })
			time.AfterFunc(100*time.Millisecond, r.Unblock)
			stop(t, push)
			if got := total(); got != 2 {
				t.Errorf("the deltas add up to %v, want 2", got)
			}
		})
	}
}

// loaded returns what a store has that no process has pushed deltas from, or others.
func loaded(first bool, pushed ...dora.PushedSeries) func(context.Context) ([]dora.PushedSeries, bool, error) {
	return func(context.Context) ([]dora.PushedSeries, bool, error) { return pushed, !first, nil }
}
