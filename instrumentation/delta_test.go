package instrumentation

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/instrumentation/otlptest"
)

// Deltas contain each fact after the restore once, even if the receiver was away in between.
func TestDeltas(t *testing.T) {
	const (
		count   = `github.deployments{environment="production",repo="web",status="success",team="Platform"}`
		sum     = `github.deployments.duration.sum{environment="production",repo="web",status="success",team="Platform"}`
		lead    = `dora.change.lead_time{environment="production",owner="acme",repo="web",team="Platform"}`
		exports = `dora_exporter.otlp.exports{result="partial"}`
	)
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := p.receiver(t, "127.0.0.1:0", nil)
			i := newInstruments(t)
			i.Restore(dora.State{
				dora.DeploymentsTotal:       {success.Key(): {Labels: success, Baseline: 3, Own: 2}},
				dora.DeploymentsDurationSum: {success.Key(): {Labels: success, Own: 100}},
				dora.LeadTime:               {scope.Key(): {Labels: scope, Own: 5000, Buckets: append([]int64{1}, make([]int64, 16)...)}},
			})
			o := pushOptions(protocol, p.endpoint(r.Address, "http"), slog.New(slog.DiscardHandler))
			o.Delta = &DeltaOptions{Confirmed: func(context.Context, int64) {}}
			push := start(t, i, o)
			flush := func() map[string]otlptest.Point { t.Helper(); return flushed(t, push, r) }
			if p, ok := flush()[count]; ok {
				t.Errorf("before the first event: %+v", p)
			}
			record(t, i, someFacts()...)
			r.Refuse(true)
			flush()
			record(t, i, someFacts()...)
			r.Refuse(false)
			got := flush()
			if p := got[count]; p.Value != 2 || !p.Delta {
				t.Errorf("after a refusal: %+v, want 2 as a delta", p)
			}
			if p := got[sum]; p.Value != 0.1+2*90.5 || p.Delta {
				t.Errorf("the sum is %+v, want all of it", p)
			}
			if p := got[lead]; math.Abs(p.Value-7200.246) > 1e-9 || p.Count != 2 || !p.Delta {
				t.Errorf("the lead time is %+v", p)
			}
			if p := flush()[count]; p.Value != 0 {
				t.Errorf("without an event: %+v", p)
			}
			r.Say("a point is odd", 1)
			record(t, i, someFacts()...)
			if p := flush()[count]; p.Value != 1 {
				t.Errorf("after one event: %+v", p)
			}
			r.Say("", 0)
			record(t, i, someFacts()...)
			got = flush()
			if p := got[count]; p.Value != 1 {
				t.Errorf("after what was taken in part: %+v", p)
			}
			if p := got[exports]; !p.Delta {
				t.Errorf("those taken in part are %+v", p)
			}
			stop(t, push)
		})
	}
}

// The first deltas of a process contain what the receiver lacks from earlier ones, and the position is saved when it has arrived.
func TestDeltasAfterRestart(t *testing.T) {
	const (
		count = `github.deployments{environment="production",repo="web",status="success",team="Platform"}`
		lead  = `dora.change.lead_time{environment="production",owner="acme",repo="web",team="Platform"}`
	)
	r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	facts := append(someFacts(), someFacts()...)
	for n := range facts {
		facts[n].Position = 100 + int64(n)
	}
	first := facts[:len(facts)/2]
	newest := facts[len(facts)-1].Position
	missing, all := dora.State{}, dora.State{dora.DeploymentsTotal: {success.Key(): {Labels: success, Baseline: 3, Own: 2}}}
	for _, err := range []error{missing.Add(dora.FamiliesByName(), first...), all.Add(dora.FamiliesByName(), first...)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	i := newInstruments(t)
	i.Restore(all)
	var arrived []int64
	o := pushOptions("http/protobuf", "http://"+r.Address+"/v1/metrics", slog.New(slog.DiscardHandler))
	o.Delta = &DeltaOptions{
		Position: first[len(first)-1].Position, Missing: missing,
		Confirmed: func(_ context.Context, position int64) { arrived = append(arrived, position) },
	}
	push := start(t, i, o)
	flush := func() map[string]otlptest.Point { t.Helper(); return flushed(t, push, r) }
	got := flush()
	if a, b := got[count], got[lead]; a.Value != 1 || b.Count != 1 || math.Abs(b.Value-3600.123) > 1e-9 || slices.Max(b.Buckets) != 1 {
		t.Errorf("what was missing arrives as %+v and %+v", a, b)
	}
	record(t, i, facts[len(facts)/2:]...)
	r.Refuse(true)
	flush()
	if want := []int64{o.Delta.Position}; !slices.Equal(arrived, want) {
		t.Errorf("%d have arrived, want %d", arrived, want)
	}
	r.Refuse(false)
	if got := flush(); got[count].Value != 1 || got[lead].Count != 1 {
		t.Errorf("then %+v and %+v", got[count], got[lead])
	}
	stop(t, push)
	if want := []int64{o.Delta.Position, newest}; !slices.Equal(arrived, want) {
		t.Errorf("%d have arrived, want %d", arrived, want)
	}
}

// A stop during a push of deltas lets it finish, and the last push does not repeat it.
func TestStopDuringDeltaPush(t *testing.T) {
	const count = `github.deployments{environment="production",repo="web",status="success",team="Platform"}`
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := p.receiver(t, "127.0.0.1:0", nil)
			i := newInstruments(t)
			i.Restore(dora.State{})
			o := pushOptions(protocol, p.endpoint(r.Address, "http"), slog.New(slog.DiscardHandler))
			o.Delta, o.Interval = &DeltaOptions{Confirmed: func(context.Context, int64) {}}, 10*time.Millisecond
			push := start(t, i, o)
			r.Block()
			record(t, i, someFacts()...)
			underway := func() bool {
				for _, request := range r.Requests() {
					if request.Points()[count].Value == 1 {
						return true
					}
				}
				return false
			}
			for deadline := time.Now().Add(10 * time.Second); !underway(); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("no push is under way")
				}
			}
			time.AfterFunc(100*time.Millisecond, r.Unblock)
			stop(t, push)
			total := 0.
			for _, request := range r.Requests() {
				total += request.Points()[count].Value
			}
			if total != 1 {
				t.Errorf("the deltas add up to %v, want 1", total)
			}
		})
	}
}
