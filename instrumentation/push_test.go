package instrumentation

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	if who["service.name"] != "dora-exporter" || who["service.instance.id"] != "store" || who["telemetry.sdk.language"] != "go" {
		t.Errorf("the resource is %v", who)
	}
}
