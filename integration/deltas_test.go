package integration

import (
	"fmt"
	"strings"
	"testing"
)

// The Collector's exporter to Prometheus adds up deltas to the true totals, while the exporter is killed and the Collector is silent or
// takes nothing.
func TestTheCollectorAddsUpDeltas(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			c, e := startPair(t, protocol, "enabled: true, interval: 1s, timeout: 2s, temporality: delta")
			sent := 0
			send := func(state string) {
				sent++
				e.send(t, "deployment_status", status(sent, sent, state))
			}
			shows := func(what string, success, failure int) {
				t.Helper()
				eventually(t, what, func() error { return c.shows(success, failure) })
			}
			send("success")
			shows("the first one", 1, 0)
			send("success")
			send("failure") // the other series is silent in the next intervals
			shows("the next ones", 2, 1)

			e.kill()
			e.start(t)
			send("success")
			shows("the one after a kill", 3, 1)

			e.send(t, "deployment_status", status(100, 100, "success"))
			e.kill() // before it is pushed
			e.start(t)
			send("failure") // after a long silence of its series
			shows("the one before and after a kill", 4, 2)
			e.kill()
			if log := e.output.String(); strings.Contains(log, "saving what was pushed") {
				t.Error("what was pushed was not saved")
			}
		})
	}
}

// shows compares counters and histograms with so many deployments.
func (c *collector) shows(success, failure int) error {
	text, err := get("http://" + c.prometheus + "/metrics")
	if err != nil {
		return err
	}
	shown := measures(text)
	const scope = `environment="production",owner="acme",repo="web",team="Platform"`
	for _, want := range []string{
		fmt.Sprintf(`dora_deployments_total{environment="production",outcome="success",owner="acme",repo="web",team="Platform"} %d`, success),
		fmt.Sprintf(`dora_deployments_total{environment="production",outcome="failure",owner="acme",repo="web",team="Platform"} %d`, failure),
		fmt.Sprintf("dora_deployment_run_seconds_count{%s} %d", scope, success+failure),
		fmt.Sprintf("dora_deployment_run_seconds_sum{%s} %d", scope, 300*(success+failure)), // each took five minutes
		fmt.Sprintf(`dora_deployment_run_seconds_bucket{environment="production",le="+Inf",owner="acme",repo="web",team="Platform"} %d`, success+failure),
	} {
		if !shown[want] {
			return fmt.Errorf("not shown yet: %s in\n%s", want, text)
		}
	}
	return nil
}
