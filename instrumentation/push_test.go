package instrumentation

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/instrumentation/otlptest"
)

// A push has the values of /metrics under the OpenTelemetry names, with the store's start time, over both protocols.
func TestPushMatchesScrape(t *testing.T) {
	for protocol, p := range protocols {
		for _, gzip := range []bool{false, true} {
			t.Run(fmt.Sprint(protocol, gzip), func(t *testing.T) {
				r := p.receiver(t, "127.0.0.1:0", nil)
				i := restored(t)
				i.Delivery("github", "deployment_status", "accepted")
				o := pushOptions(protocol, p.endpoint(r.Address, "http"), slog.New(slog.DiscardHandler))
				o.Gzip = gzip
				push := startAndWait(t, i, o, r)
				flushed(t, push, r)
				want := otlpOf(t, i)
				stop(t, push)
				requests := r.Requests()
				if len(requests) != 3 {
					t.Fatalf("%d requests, want one each at the start, in between and at the end", len(requests))
				}
				last := requests[2]
				got := map[string]float64{}
				for series, point := range last.Points() {
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
				if p := last.Points()[`dora.change.lead_time{environment="production",owner="acme",repo="web",team="Platform"}`]; p.Unit != "s" || p.Count != 1 {
					t.Errorf("the lead time is %+v", p)
				}
				checkRequest(t, last, protocol, gzip)
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
	if diff := cmp.Diff(map[string]string{
		"service.name": "dora-exporter", "service.instance.id": "store", "telemetry.sdk.language": "go", "telemetry.sdk.name": "opentelemetry",
	}, who); diff != "" {
		t.Errorf("the resource: -want +got:\n%s", diff)
	}
}

// A version is among the attributes if it is asked for.
func TestVersionsInTheResource(t *testing.T) {
	r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	o := pushOptions("http/protobuf", "http://"+r.Address+"/v1/metrics", slog.New(slog.DiscardHandler))
	o.Resource["service.version"], o.Resource["telemetry.sdk.version"] = "1.2.3", "4.5.6"
	stop(t, start(t, restored(t), o))
	who := r.Requests()[0].Resource()
	if who["service.version"] != "1.2.3" || who["telemetry.sdk.version"] != "4.5.6" {
		t.Errorf("the resource is %v", who)
	}
}

// With the semantic conventions, the attributes are other ones, and the values the same; deltas are confirmed under their own.
func TestSemanticConventions(t *testing.T) {
	for _, delta := range []bool{false, true} {
		r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
		i := restored(t)
		o := pushOptions("http/protobuf", "http://"+r.Address+"/v1/metrics", slog.New(slog.DiscardHandler))
		o.SemanticConventions = true
		if delta {
			o.Delta = &DeltaOptions{Load: loaded(true), Confirmed: func(context.Context, []dora.PushedSeries) {}}
		}
		push := startAndWait(t, i, o, r)
		i.GitHubRequest("github.com", "/repos/{owner}/{repo}/commits/{sha}", "404")
		record(t, i, someFacts()...)
		flushed(t, push, r) // the series of deltas begin
		flushed(t, push, r)
		stop(t, push)
		points := map[string]float64{}
		for _, request := range r.Requests() {
			for series, p := range request.Points() {
				if !p.Delta {
					points[series] = 0
				}
				points[series] += p.Value
			}
		}
		for series, want := range map[string]float64{
			`github.deployments{deployment.environment.name="production",deployment.status="success",team="Platform",vcs.repository.name="web"}`:          map[bool]float64{false: 7, true: 1}[delta],
			`dora.change.lead_time{deployment.environment.name="production",team="Platform",vcs.owner.name="acme",vcs.repository.name="web"}`:             map[bool]float64{false: 7200.246, true: 3600.123}[delta],
			`github.deployments.duration{deployment.environment.name="production",deployment.status="success",team="Platform",vcs.repository.name="web"}`: 90.5,
			`dora_exporter.github.requests{account="github.com",http.response.status_code="",http.route="/repos/{owner}/{repo}/commits/{sha}"}`:           1,
		} {
			if got, ok := points[series]; !ok || got != want {
				t.Errorf("delta %t: %s is %v, %t; want %g", delta, series, got, ok, want)
			}
		}
	}
}
