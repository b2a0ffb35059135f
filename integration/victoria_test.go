package integration

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dora-exporter/internal/testexporter"
)

// The exporter is upgraded and gets a new pod with another name and address. With a constant instance, as the docs say, the series
// go on, scraped and pushed: the increase over all of it is the number of deployments.
func TestUpgradeInANewPod(t *testing.T) {
	prometheus, victoria := startDiscoverer(t), startVictoria(t)
	e := newExporter(t, github(t))
	e.configure(t, fmt.Sprintf("deployments: {settle: 1s}\notlp: {enabled: true, endpoint: 'http://%s/opentelemetry', interval: 1s}\n", victoria.address))
	older, newer := build(t, "1.0.0"), build(t, "2.0.0")

	e.runAt(t, older, e.address)
	prometheus.discover(t, "dora-exporter-7d4b9-x2x4z", e.address)
	sent := 0
	send := func() {
		sent++
		e.send(t, "deployment_status", status(sent, sent, "success"))
	}
	const count = `dora_deployments_total{outcome="success"}`
	both := func(query string, want float64) {
		t.Helper()
		prometheus.wait(t, query, want)
		victoria.wait(t, query, want)
	}
	send()
	both(count, 1)
	send()
	both(count, 2)

	e.stop(t)
	moved := testexporter.FreeAddress(t)
	e.runAt(t, newer, moved)
	prometheus.discover(t, "dora-exporter-5f6c8-q9w8e", moved)
	send()
	both(count, 3)
	e.kill()
	e.runAt(t, newer, moved)
	send()
	both(count, 4)

	for _, family := range []string{"dora_deployments_total", "github_deployments_total", "dora_deployment_run_seconds_count"} {
		prometheus.wait(t, fmt.Sprintf(`count(count_over_time(%s{outcome!~"failure|error",status!~"failure|error"}[10m]))`, family), 1)
		prometheus.wait(t, fmt.Sprintf(`sum(resets(%s[10m]))`, family), 0)
	}
	// increase() of Prometheus extrapolates, so this is what it is before: the last value less the first, which is 0.
	prometheus.wait(t, count+` - min_over_time(`+count+`[10m])`, 4)
	prometheus.wait(t, `count(count by (version) (count_over_time(dora_exporter_build_info[10m])))`, 2)
	// VictoriaMetrics does not extrapolate. It also has the pushed series.
	victoria.wait(t, `increase(`+count+`[10m])`, 4)
	victoria.wait(t, `count(count_over_time(`+count+`[10m]))`, 1)
	victoria.wait(t, `sum(increase(dora_deployment_run_seconds_sum[10m]))`, 4*300)
}

// build builds the exporter with a version.
func build(t *testing.T, version string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dora-exporter")
	command := exec.Command("go", "build", "-o", path, "-ldflags", "-X main.version="+version, "./cmd/dora-exporter")
	command.Dir, command.Env = "..", append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build version %s: %v\n%s", version, err, out)
	}
	return path
}

// runAt starts a binary at an address, and waits until it is ready.
func (e *exporter) runAt(t *testing.T, path, address string) {
	t.Helper()
	config := filepath.Join(e.folder, "config.yml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	_, before, _ := strings.Cut(e.address, ":")
	_, port, _ := strings.Cut(address, ":")
	if err := os.WriteFile(config, []byte(strings.Replace(string(text), "port: "+before, "port: "+port, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	e.address = address
	e.run(t, path)
	eventually(t, "the exporter is ready", func() error {
		_, err := get("http://" + e.address + "/readyz")
		return err
	})
}

// stop ends the process as Kubernetes does.
func (e *exporter) stop(t *testing.T) {
	t.Helper()
	if err := e.process.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = e.process.Wait()
}

// discoverer is a Prometheus that discovers pods, with the relabelling of the docs.
type discoverer struct {
	prometheus

	targets string
}

func startDiscoverer(t *testing.T) discoverer {
	t.Helper()
	d := discoverer{targets: filepath.Join(t.TempDir(), "targets.json")}
	d.prometheus = runPrometheus(t, fmt.Sprintf(`global: {scrape_interval: 1s}
scrape_configs:
- job_name: dora-exporter
  file_sd_configs: [{files: [%q], refresh_interval: 1s}]
  relabel_configs:
  - {target_label: instance, replacement: dora-exporter}
  - {regex: pod, action: labeldrop}
`, d.targets), t.TempDir())
	return d
}

// discover makes a pod the only target.
func (d discoverer) discover(t *testing.T, pod, address string) {
	t.Helper()
	text, err := json.Marshal([]map[string]any{{"targets": []string{address}, "labels": map[string]string{"pod": pod}}})
	if err == nil {
		err = os.WriteFile(d.targets+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(d.targets+".new", d.targets)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// victoria is a real VictoriaMetrics.
type victoria struct {
	prometheus

	address string
}

func startVictoria(t *testing.T) victoria {
	t.Helper()
	path := os.Getenv("VICTORIA_METRICS")
	if path == "" {
		t.Fatal("VICTORIA_METRICS does not name a VictoriaMetrics: make integration builds one and sets it")
	}
	v := victoria{address: testexporter.FreeAddress(t)}
	v.url = "http://" + v.address
	var output testexporter.Buffer
	process := exec.Command(path, "-storageDataPath="+t.TempDir(), "-httpListenAddr="+v.address, "-opentelemetry.usePrometheusNaming",
		"-search.latencyOffset=0s", "-search.disableCache")
	process.Stdout, process.Stderr = &output, &output
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		if t.Failed() {
			said := output.String()
			t.Logf("VictoriaMetrics said:\n%s", said[max(0, len(said)-2000):])
			names, _ := get(v.url + "/api/v1/series?match[]=" + url.QueryEscape(`{__name__=~"dora_deployment.*"}`))
			t.Logf("its series:\n%s", names)
		}
	})
	eventually(t, "VictoriaMetrics is ready", func() error { _, err := get(v.url + "/health"); return err })
	return v
}
