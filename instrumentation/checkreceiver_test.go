package instrumentation

import (
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/instrumentation/otlptest"
)

// A check pushes nothing that the receiver would keep, and says why a receiver takes nothing.
func TestCheckReceiver(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
			to := Receiver{Protocol: protocol, Endpoint: "http://" + r.Address + "/v1/metrics", Timeout: time.Second}
			if protocol == "grpc" {
				r = otlptest.NewGRPC(t, "127.0.0.1:0", nil)
				to.Endpoint = r.Address
			}
			check := func(want, remedy string) {
				t.Helper()
				for signal, f := range map[string]dora.Finding{"metrics": CheckMetrics(t.Context(), to, "delta"), "traces": CheckTraces(t.Context(), traced(to))} {
					if f.Check != "otlp" || f.Subject != signal || f.Status != want || !strings.Contains(f.Remedy, remedy) {
						t.Errorf("%s: %+v, want %s with %q", signal, f, want, remedy)
					}
				}
			}
			check(dora.FindingOK, "")
			for _, request := range r.Requests() {
				if len(request.Points()) != 0 {
					t.Errorf("pushed %v", request.Points())
				}
			}
			r.Close()
			check(dora.FindingFailed, "check that the receiver runs")
		})
	}
}

// traced returns the receiver of traces beside one of metrics.
func traced(to Receiver) Receiver {
	to.Endpoint = strings.Replace(to.Endpoint, "/v1/metrics", "/v1/traces", 1)
	return to
}
