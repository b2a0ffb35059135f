package integration

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"dora-exporter/internal/testexporter"
)

// A new version at another address, as in a new pod with the same volume, pushes the same series to VictoriaMetrics, which makes labels
// of all attributes of the sender: the increase over both versions, and over a kill, is exactly what happened.
func TestUpgradePushedToVictoriaMetrics(t *testing.T) {
	t.Parallel()
	v := startVictoria(t)
	e := newExporter(t, github(t))
	e.configure(t, fmt.Sprintf("deployments: {settle: 1s}\notlp: {enabled: true, endpoint: 'http://%s/opentelemetry', interval: 1s}\n", v.address))
	const count = `dora_deployments_total{outcome="success"}`
	sent := 0
	send := func() {
		t.Helper()
		sent++
		e.send(t, "deployment_status", status(sent, sent, "success"))
		v.wait(t, count, float64(sent))
	}
	e.runAt(t, buildVersion(t, "1.0.0"), e.address)
	send()
	send()
	if err := e.process.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = e.process.Wait()
	newer := buildVersion(t, "2.0.0")
	e.runAt(t, newer, testexporter.FreeAddress(t))
	send()
	e.kill()
	e.runAt(t, newer, e.address)
	send()
	for query, want := range map[string]float64{
		`count(count_over_time(` + count + `[10m]))`:                     1,
		`increase(` + count + `[10m])`:                                   4, // it does not extrapolate
		`sum(increase(github_deployments_total{status="success"}[10m]))`: 4,
		`increase(dora_deployment_run_seconds_sum[10m])`:                 4 * 300,
		`count(count_over_time(dora_exporter_build_info[10m]))`:          2,
	} {
		v.wait(t, query, want)
	}
}

// buildVersion builds the exporter with a version.
func buildVersion(t *testing.T, version string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dora-exporter")
	if err := testexporter.Build(path, version); err != nil {
		t.Fatal(err)
	}
	return path
}

// runAt starts a binary at an address, and waits until it is ready.
func (e *exporter) runAt(t *testing.T, path, address string) {
	t.Helper()
	e.address = address
	e.run(t, path, "-web.listen-address="+address)
	e.waitUntilReady(t)
}

// victoria is a real VictoriaMetrics.
type victoria struct {
	prometheus

	address string
}

func startVictoria(t *testing.T, flags ...string) victoria {
	t.Helper()
	path := os.Getenv("VICTORIA_METRICS")
	if path == "" {
		t.Fatal("VICTORIA_METRICS does not name a VictoriaMetrics: make integration builds one and sets it")
	}
	v := victoria{address: testexporter.FreeAddress(t)}
	v.url = "http://" + v.address
	startProcess(t, "VictoriaMetrics", exec.Command(path, append(flags, "-storageDataPath="+t.TempDir(), "-httpListenAddr="+v.address, "-opentelemetry.usePrometheusNaming",
		"-search.latencyOffset=0s", "-search.disableCache")...))
	t.Cleanup(func() { // before the process ends
		if t.Failed() {
			names, _ := get(v.url + "/api/v1/series?match[]=" + url.QueryEscape(`{__name__=~"dora_deployment.*"}`))
			t.Logf("its series:\n%s", names)
		}
	})
	eventually(t, "VictoriaMetrics is ready", func() error { _, err := get(v.url + "/health"); return err })
	return v
}
