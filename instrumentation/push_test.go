package instrumentation

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"dora-exporter/dora"
	"dora-exporter/instrumentation/otlptest"
)

const canary = "canary-of-a-header"

// protocols are how a receiver is made, and where it is then.
var protocols = map[string]struct {
	receiver func(testing.TB, string, *tls.Config) *otlptest.Receiver
	endpoint func(address, scheme string) string
}{
	"grpc":          {otlptest.NewGRPC, func(address, _ string) string { return address }},
	"http/protobuf": {otlptest.NewHTTP, func(address, scheme string) string { return scheme + "://" + address + "/base/v1/metrics" }},
}

func pushOptions(protocol, endpoint string, log *slog.Logger) PushOptions {
	return PushOptions{
		Receiver: Receiver{Protocol: protocol, Endpoint: endpoint, Headers: map[string]string{"authorization": canary}, Timeout: 10 * time.Second},
		Logger:   log, Export: 30 * time.Second, Interval: time.Hour,
		Resource: map[string]string{"service.name": "dora-exporter", "service.instance.id": "store"},
	}
}

// restored has a base, and facts on top of it.
func restored(t *testing.T) *Instruments {
	i := newInstruments(t)
	i.Restore(dora.State{
		dora.DeploymentsTotal:       {success.Key(): {Labels: success, Baseline: 3, Own: 2}},
		dora.DeploymentsDurationSum: {success.Key(): {Labels: success, Baseline: 94778.17152176499, Own: 100}},
	})
	record(t, i, someFacts()...)
	return i
}

func someFacts() []dora.Fact {
	return []dora.Fact{
		{Family: dora.DeploymentsTotal, Labels: success, Value: 1},
		{Family: dora.DeploymentsDurationSum, Labels: success, Value: 90_500},
		{Family: dora.DeploymentsDuration, Labels: success, Value: 90_500, At: time.Unix(100, 0), ID: 1},
		{Family: dora.LeadTime, Labels: scope, Value: 3_600_123},
		{Family: dora.IncidentsOpen, Labels: dora.Labels{"priority": "High", "project": "INC", "team": "Platform"}, Value: 1},
	}
}

// What is pushed is what /metrics says, under the other names, with the first start time, over both protocols.
func TestPushIsWhatIsServed(t *testing.T) {
	for protocol, p := range protocols {
		for _, gzip := range []bool{false, true} {
			t.Run(fmt.Sprint(protocol, gzip), func(t *testing.T) {
				r := p.receiver(t, "127.0.0.1:0", nil)
				i := restored(t)
				i.Delivery("github", "deployment_status", "accepted")
				o := pushOptions(protocol, p.endpoint(r.Address, "http"), slog.New(slog.DiscardHandler))
				o.Gzip = gzip
				push := start(t, i, o)
				want := otlpOf(t, i)
				stop(t, push)
				requests := r.Requests()
				if len(requests) != 1 {
					t.Fatalf("%d requests, want the one of the end", len(requests))
				}
				got := map[string]float64{}
				for series, point := range requests[0].Points() {
					got[series] = point.Value
					if !strings.HasPrefix(series, "dora_exporter.") && !strings.Contains(series, ".duration{") && point.Start != uint64(i.options.Started().UnixNano()) {
						t.Errorf("%s starts at %d, want the store's start", series, point.Start)
					}
					if point.Delta {
						t.Errorf("%s is a delta", series)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-served +pushed:\n%s", diff)
				}
				if p := requests[0].Points()[`dora.change.lead_time{environment="production",owner="acme",repo="web",team="Platform"}`]; p.Unit != "s" || p.Count != 1 {
					t.Errorf("the lead time is %+v", p)
				}
				checkRequest(t, requests[0], protocol, gzip)
			})
		}
	}
}

func checkRequest(t *testing.T, r otlptest.Request, protocol string, gzip bool) {
	t.Helper()
	if got := r.Header.Get("Authorization"); got != canary {
		t.Errorf("the header authorization is %q", got)
	}
	if (r.Encoding == "gzip") != gzip {
		t.Errorf("the encoding is %q", r.Encoding)
	}
	if protocol != "grpc" && r.Path != "/base/v1/metrics" {
		t.Errorf("the path is %s", r.Path)
	}
	who := r.Resource()
	if who["service.name"] != "dora-exporter" || who["service.instance.id"] != "store" || who["telemetry.sdk.language"] != "go" {
		t.Errorf("the resource is %v", who)
	}
}

// Deltas hold what came after the restore, once, also when the receiver was away in between.
func TestPushOfDeltas(t *testing.T) {
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
			r.Say("one is odd", 1)
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

// What a process could not push is in the first deltas of the next one, once, and that is told when it has arrived.
func TestDeltasGoOnAfterARestart(t *testing.T) {
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

// The end that comes amid a push of deltas lets it arrive, and the last push does not have the same again.
func TestTheEndAmidAPushOfDeltas(t *testing.T) {
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

// A receiver that refuses or is away is told of once, when it begins and when it ends, and counted.
func TestPushTellsOfFailures(t *testing.T) {
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := p.receiver(t, "127.0.0.1:0", nil)
			i := restored(t)
			log := &lockedBuffer{}
			push := start(t, i, pushOptions(protocol, p.endpoint(r.Address, "http"), slog.New(slog.NewTextHandler(log, nil))))
			for _, refuses := range []bool{false, true, true, true, false, false} {
				r.Refuse(refuses)
				if err := push.reader.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			stop(t, push)
			text := log.String()
			if strings.Count(text, "pushing metrics failed") != 1 || strings.Count(text, "pushing metrics works again") != 1 {
				t.Errorf("not one line each:\n%s", text)
			}
			if strings.Contains(text, canary) || !strings.Contains(text, "(authorization)") {
				t.Errorf("a header is told, or the receiver's words are not:\n%s", text)
			}
			for _, want := range []string{`dora_exporter_otlp_exports_total{result="ok"} 4`, `dora_exporter_otlp_exports_total{result="error"} 3`} {
				if !strings.Contains(scrape(t, i, ""), want+"\n") {
					t.Errorf("no %s in\n%s", want, families(scrape(t, i, ""), "dora_exporter_otlp"))
				}
			}
		})
	}
}

// What a receiver refuses of a push is told of once, and is no failure; what it only says is neither.
func TestPushThatIsTakenInPart(t *testing.T) {
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := p.receiver(t, "127.0.0.1:0", nil)
			i := restored(t)
			log := &lockedBuffer{}
			push := start(t, i, pushOptions(protocol, p.endpoint(r.Address, "http"), slog.New(slog.NewTextHandler(log, nil))))
			for _, refused := range []int64{0, 2, 3, 0} {
				r.Say("one is odd (1 of them rejected)", refused)
				if err := push.reader.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			stop(t, push)
			text := log.String()
			if strings.Count(text, "receiver rejected a part of the metrics") != 1 || strings.Count(text, "pushing metrics works again") != 1 || strings.Contains(text, "ERROR") {
				t.Errorf("the log is\n%s", text)
			}
			for _, want := range []string{`{result="ok"} 3`, `{result="partial"} 2`, `{result="error"} 0`} {
				if want = "dora_exporter_otlp_exports_total" + want; !strings.Contains(scrape(t, i, ""), want+"\n") {
					t.Errorf("no %s in\n%s", want, families(scrape(t, i, ""), "dora_exporter_otlp"))
				}
			}
		})
	}
}

// A receiver that is slow, or that nobody answers for, holds up neither a scrape nor the recording, and the end no longer than
// it may.
func TestPushHoldsUpNothing(t *testing.T) {
	for protocol, p := range protocols {
		for _, away := range []bool{false, true} {
			t.Run(fmt.Sprint(protocol, away), func(t *testing.T) {
				r := p.receiver(t, "127.0.0.1:0", nil)
				r.Block()
				if away {
					r.Close()
				}
				i := restored(t)
				push := start(t, i, pushOptions(protocol, p.endpoint(r.Address, "http"), slog.New(slog.DiscardHandler)))
				ctx, cancel := context.WithCancel(t.Context())
				flushing := make(chan struct{})
				go func() { _ = push.reader.ForceFlush(ctx); close(flushing) }()
				time.Sleep(100 * time.Millisecond)
				began := time.Now()
				record(t, i, someFacts()...)
				scrape(t, i, "")
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("a scrape took %s", took)
				}
				cancel()
				<-flushing
				endsInTime(t, push.Stop)
			})
		}
	}
}

func TestPushOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer server.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	for protocol, p := range protocols {
		for name, c := range map[string]*tls.Config{
			"trusted": {RootCAs: trusted, Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12},
			"unknown": {MinVersion: tls.VersionTLS12},
		} {
			t.Run(protocol+name, func(t *testing.T) {
				r := p.receiver(t, "127.0.0.1:0", &tls.Config{
					Certificates: server.TLS.Certificates, ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
				})
				o := pushOptions(protocol, p.endpoint(r.Address, "https"), slog.New(slog.DiscardHandler))
				o.TLS = c
				limited, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				_ = start(t, restored(t), o).Stop(limited)
				if got := len(r.Requests()); (got == 1) != (name == "trusted") {
					t.Errorf("%d requests", got)
				}
			})
		}
	}
}

func start(t *testing.T, i *Instruments, o PushOptions) *Push {
	t.Helper()
	push, err := i.StartPush(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return push
}

// endsInTime stops with a limit of half a second, and wants it kept.
func endsInTime(t *testing.T, stop func(context.Context) error) {
	t.Helper()
	began := time.Now()
	limited, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_ = stop(limited)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the end took %s, want half a second", took)
	}
}

// flushed pushes and returns the points that the receiver was sent.
func flushed(t *testing.T, push *Push, r *otlptest.Receiver) map[string]otlptest.Point {
	t.Helper()
	if err := push.reader.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := r.Requests()
	return all[len(all)-1].Points()
}

func stop(t *testing.T, push *Push) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := push.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// otlpOf is what a scrape says, under OpenTelemetry's names.
func otlpOf(t *testing.T, i *Instruments) map[string]float64 {
	t.Helper()
	names := map[string]string{}
	for name, row := range rows(t) {
		names[name] = row.OTLP
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(scrape(t, i, "")))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			if names[name] != "" {
				all[names[name]+"{"+labelPairs(m)+"}"] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetHistogram().GetSampleSum()
			}
		}
	}
	return all
}

func labelPairs(m *dto.Metric) string {
	var labels []string
	for _, l := range m.GetLabel() {
		labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	return strings.Join(labels, ",")
}

// lockedBuffer is a buffer that others write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
