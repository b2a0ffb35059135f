package instrumentation

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"dora-exporter/dora"
	"dora-exporter/instrumentation/otlptest"
)

const canary = "canary-of-a-header"

// protocols has a receiver and its endpoint for each protocol.
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

// restored returns instruments with a base and facts on top of it.
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

func start(t *testing.T, i *Instruments, o PushOptions) *Push {
	t.Helper()
	push, err := i.StartPush(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return push
}

// startAndWait starts and waits for the push that follows right after.
func startAndWait(t *testing.T, i *Instruments, o PushOptions, r *otlptest.Receiver) *Push {
	t.Helper()
	push := start(t, i, o)
	eventually(t, "the first push", func() bool { return len(r.Requests()) > 0 })
	return push
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// endsInTime checks that stop keeps a limit of half a second.
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

// flushed pushes and returns the points of the request.
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

// otlpOf returns the values of a scrape under their OpenTelemetry names.
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

// lockedBuffer is a buffer that is safe for concurrent use.
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
