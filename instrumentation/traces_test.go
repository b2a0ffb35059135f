package instrumentation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/instrumentation/otlptest"
	"dora-exporter/internal/testexporter"
)

const statusKey = "github/api.github.com/deployment_status/7"

// startTraces follows as a process does that has just started.
func startTraces(t *testing.T, r Receiver, ratio float64, log *slog.Logger) (*Traces, *Instruments) {
	t.Helper()
	i := restored(t)
	traces, err := i.StartTraces(t.Context(), TraceOptions{
		Receiver: r, Ratio: ratio, Batches: SpanBatches{Delay: time.Second, Timeout: 30 * time.Second, Queue: 2048, Size: 512}, Resource: map[string]string{"service.name": "dora-exporter", "service.instance.id": "store"}, Logger: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return traces, i
}

func tracesTo(protocol, address string) Receiver {
	r := Receiver{Protocol: protocol, Endpoint: address, Headers: map[string]string{"authorization": canary}, Timeout: 10 * time.Second}
	if protocol != "grpc" {
		r.Endpoint = "http://" + address + "/base/v1/traces"
	}
	return r
}

func stopTraces(t *testing.T, traces *Traces) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := traces.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// ask makes a call within a context, and wants it to carry nothing of a trace.
func ask(ctx context.Context, t *testing.T, traces *Traces) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Traceparent")+r.Header.Get("Baggage") != "" {
			t.Errorf("the call carries %v", r.Header)
		}
	}))
	defer server.Close()
	client := http.Client{Transport: traces.Transport(func(*http.Request) string { return "/repos/{owner}" })(http.DefaultTransport)}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/repos/acme", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
}

// All that happens to a delivery is one trace, also when a second process takes it up and when it is sent again.
func TestDeliveryTrace(t *testing.T) {
	for protocol, p := range protocols {
		for _, gzip := range []bool{false, true} {
			t.Run(fmt.Sprint(protocol, gzip), func(t *testing.T) {
				r := p.receiver(t, "127.0.0.1:0", nil)
				to := tracesTo(protocol, r.Address)
				to.Gzip = gzip
				first, _ := startTraces(t, to, 1, slog.New(slog.DiscardHandler))
				at := time.Now().Add(-time.Second)
				request := dora.WebhookRequest{
					Route: "/api/github", Event: "deployment_status", Key: statusKey, Result: "accepted", Status: 202,
					Arrived: at, StoreStart: at.Add(time.Millisecond), StoreEnd: at.Add(3 * time.Millisecond), Stored: true,
				}
				first.Request(t.Context(), request)
				within, end := first.Steps()(t.Context(), "process", statusKey)
				ask(within, t, first)
				end(errors.New("the disk is full"))
				end(nil) // has no effect any more
				stopTraces(t, first)

				second, _ := startTraces(t, to, 1, slog.New(slog.DiscardHandler))
				_, end = second.Steps()(t.Context(), "look up commit", statusKey)
				end(nil)
				request.Stored, request.Result, request.Arrived, request.StoreStart, request.StoreEnd = false, "duplicate", time.Now(), time.Now(), time.Now()
				second.Request(t.Context(), request)
				ask(t.Context(), t, second) // within no step
				stopTraces(t, second)

				spans := r.Spans()
				want := "POST /api/github\n  store\n  process\n    GET /repos/{owner}\n  look up commit\n  POST /api/github\n    store\n"
				if diff := cmp.Diff(want, otlptest.Tree(spans)); diff != "" {
					t.Fatalf("-want +got:\n%s", diff)
				}
				for _, s := range spans {
					if s.Trace != spans[0].Trace || len(s.Trace) != 32 {
						t.Errorf("%s is in the trace %s", s.Name, s.Trace)
					}
					if s.Failed != (s.Name == "process") {
						t.Errorf("%s failed: %t", s.Name, s.Failed)
					}
				}
				if s := spans[0]; !s.Server || s.End < s.Start+3e6 || s.Start != uint64(at.UnixNano()) {
					t.Errorf("the request is %+v", s)
				}
				if s := spans[1]; s.End-s.Start != 2e6 {
					t.Errorf("it is stored in %d ns, want 2 ms", s.End-s.Start)
				}
				if diff := cmp.Diff(map[string]string{
					"http.request.method": "POST", "http.route": "/api/github", "http.response.status_code": "202",
					"dora.delivery.key": statusKey, "dora.delivery.event": "deployment_status", "dora.delivery.result": "accepted",
				}, spans[0].Attributes); diff != "" {
					t.Errorf("the request's attributes: -want +got:\n%s", diff)
				}
				call := spans[slices.IndexFunc(spans, func(s otlptest.Span) bool { return strings.HasPrefix(s.Name, "GET") })]
				if !call.Client || !strings.HasSuffix(call.Attributes["url.full"], "/repos/acme") || call.Attributes["http.response.status_code"] != "200" {
					t.Errorf("the call is %+v", call)
				}
				checkTracesRequest(t, r.Requests()[0], protocol, gzip)
			})
		}
	}
}

func checkTracesRequest(t *testing.T, r otlptest.Request, protocol string, gzip bool) {
	t.Helper()
	if got := r.Header.Get("Authorization"); got != canary {
		t.Errorf("the header authorization is %q", got)
	}
	if (r.Encoding == "gzip") != gzip || protocol != "grpc" && r.Path != "/base/v1/traces" {
		t.Errorf("the encoding is %q, the path %s", r.Encoding, r.Path)
	}
	if who := r.Resource(); who["service.name"] != "dora-exporter" || who["service.instance.id"] != "store" || who["telemetry.sdk.language"] != "go" {
		t.Errorf("the resource is %v", who)
	}
}

// What is no delivery has a trace of its own; one that can't be stored has failed, and the one that is sent again begins the trace.
func TestRejectedRequestTraces(t *testing.T) {
	r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	traces, _ := startTraces(t, tracesTo("http/protobuf", r.Address), 1, slog.New(slog.DiscardHandler))
	at := time.Now().Add(-time.Second)
	refused := dora.WebhookRequest{Route: "/api/jira", Result: "unauthorized", Status: 401, Arrived: at}
	traces.Request(t.Context(), refused)
	traces.Request(t.Context(), refused)
	unavailable := dora.WebhookRequest{Route: "/api/github", Key: statusKey, Result: "unavailable", Status: 503, Arrived: at.Add(1), StoreStart: at.Add(1), StoreEnd: at.Add(2)}
	traces.Request(t.Context(), unavailable)
	accepted := unavailable
	accepted.Result, accepted.Status, accepted.Stored, accepted.Arrived = "accepted", 202, true, at
	traces.Request(t.Context(), accepted)
	stopTraces(t, traces)
	byTrace := map[string][]otlptest.Span{}
	for _, s := range r.Spans() {
		byTrace[s.Trace] = append(byTrace[s.Trace], s)
		failed := s.Attributes["dora.delivery.result"] == "unavailable" || s.Name == "store" && s.Start == uint64(at.Add(1).UnixNano()) && s.Failed
		if s.Failed != failed {
			t.Errorf("%s %v failed: %t", s.Name, s.Attributes, s.Failed)
		}
	}
	var trees []string
	for _, spans := range byTrace {
		trees = append(trees, otlptest.Tree(spans))
	}
	slices.Sort(trees)
	want := []string{"POST /api/github\n  POST /api/github\n    store\n" + "  store\n", "POST /api/jira\n", "POST /api/jira\n"}
	if diff := cmp.Diff(want, trees); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A step for several deliveries is in the trace of each. What is called is in one of them, which the others link to.
func TestStepOfSeveral(t *testing.T) {
	r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	traces, _ := startTraces(t, tracesTo("http/protobuf", r.Address), 1, slog.New(slog.DiscardHandler))
	within, end := traces.Steps()(t.Context(), "look up commit", statusKey, statusKey+"8")
	ask(within, t, traces)
	end(nil)
	ctx, end := traces.Steps()(t.Context(), "look up commit") // nobody waits any more
	end(nil)
	stopTraces(t, traces)
	if ctx != t.Context() {
		t.Error("a step of no delivery has a context of its own")
	}
	spans := r.Spans()
	if diff := cmp.Diff("? look up commit\n  GET /repos/{owner}\n? look up commit\n", otlptest.Tree(spans)); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	a, b := spans[0], spans[1]
	if a.Trace == b.Trace || len(a.Links) != 0 || !slices.Equal(b.Links, []string{a.ID}) {
		t.Errorf("they are %+v and %+v", a, b)
	}
}

// What is kept of a delivery is kept whole, whichever process adds to it. Of the first 200 status ids, about half.
func TestTraceRatio(t *testing.T) {
	r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	const deliveries = 200
	for range 2 {
		traces, _ := startTraces(t, tracesTo("http/protobuf", r.Address), 0.5, slog.New(slog.DiscardHandler))
		for id := range deliveries {
			_, end := traces.Steps()(t.Context(), "process", fmt.Sprint("github/api.github.com/deployment_status/", id))
			end(nil)
		}
		stopTraces(t, traces)
	}
	spans := map[string]int{}
	for _, s := range r.Spans() {
		spans[s.Trace]++
	}
	if len(spans) < deliveries/3 || len(spans) > deliveries*2/3 {
		t.Errorf("%d of %d are kept", len(spans), deliveries)
	}
	for id, n := range spans {
		if n != 2 {
			t.Errorf("the trace %s has %d steps, want those of two processes", id, n)
		}
	}
}

// Two instances that get the same webhook have two traces of it.
func TestTwoInstances(t *testing.T) {
	if a, b := spanIDs("a").rootSpan(statusKey), spanIDs("b").rootSpan(statusKey); a.TraceID() == b.TraceID() || a.SpanID() == b.SpanID() {
		t.Errorf("both have %s", a.TraceID())
	}
}

func TestNilTraces(t *testing.T) {
	var traces *Traces
	if traces.Steps() != nil || traces.Transport(nil) != nil || traces.Request(t.Context(), dora.WebhookRequest{Key: "k"}) != t.Context() || traces.Stop(t.Context()) != nil {
		t.Error("something is followed")
	}
}

func TestTracePushFailures(t *testing.T) {
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := p.receiver(t, "127.0.0.1:0", nil)
			log := &testexporter.Buffer{}
			traces, i := startTraces(t, tracesTo(protocol, r.Address), 1, slog.New(slog.NewTextHandler(log, nil)))
			for _, refuses := range []bool{false, true, true, false, false} {
				r.Refuse(refuses)
				_, end := traces.Steps()(t.Context(), "process", statusKey)
				end(nil)
				if err := traces.provider.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			stopTraces(t, traces)
			text := log.String()
			if strings.Count(text, "pushing traces failed") != 1 || strings.Count(text, "pushing traces works again") != 1 || strings.Contains(text, canary) {
				t.Errorf("not one line each, or a header:\n%s", text)
			}
			for _, want := range []string{`dora_exporter_otlp_span_exports_total{result="ok"} 3`, `dora_exporter_otlp_span_exports_total{result="error"} 2`, `dora_exporter_otlp_lost_spans_total 2`} {
				if !strings.Contains(scrape(t, i, ""), want+"\n") {
					t.Errorf("no %s in\n%s", want, families(scrape(t, i, ""), "dora_exporter_otlp"))
				}
			}
		})
	}
}

// A receiver that takes a request and never answers holds up no delivery, however many there are, and the end no longer than it
// may.
func TestSlowTraceReceiver(t *testing.T) {
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := p.receiver(t, "127.0.0.1:0", nil)
			r.Block()
			traces, i := startTraces(t, tracesTo(protocol, r.Address), 1, slog.New(slog.DiscardHandler))
			began := time.Now()
			for range 10_000 {
				_, end := traces.Steps()(t.Context(), "process", statusKey)
				end(nil)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("10,000 steps took %s", took)
			}
			// 2048 wait, those under way included.
			if want := "dora_exporter_otlp_lost_spans_total 7952\n"; !strings.Contains(scrape(t, i, ""), want) {
				t.Errorf("no %s in\n%s", want, families(scrape(t, i, ""), "dora_exporter_otlp"))
			}
			endsInTime(t, traces.Stop)
		})
	}
}

// A line within a step has the trace's id, one of a trace that is not kept has none: nobody could find it.
func TestLogTraces(t *testing.T) {
	r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	var b bytes.Buffer
	log := slog.New(LogTraces(slog.NewTextHandler(&b, nil))).With("a", 1)
	for _, ratio := range []float64{1, 0} {
		traces, _ := startTraces(t, tracesTo("http/protobuf", r.Address), ratio, slog.New(slog.DiscardHandler))
		within, end := traces.Steps()(t.Context(), "process", statusKey)
		log.InfoContext(within, "in")
		end(nil)
		log.InfoContext(traces.Request(t.Context(), dora.WebhookRequest{Key: statusKey, Stored: true}), "in")
		stopTraces(t, traces)
	}
	log.Info("out")
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	for n, line := range lines {
		if id := "trace_id=" + r.Spans()[0].Trace; strings.Contains(line, id) != (n < 2) || strings.Contains(line, "trace_id") != (n < 2) {
			t.Errorf("line %d: %s", n, line)
		}
	}
	if len(lines) != 5 {
		t.Errorf("%d lines", len(lines))
	}
}
