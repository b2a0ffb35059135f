package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"dora-exporter/internal/markdown"
	"dora-exporter/internal/testexporter"
)

// A new version at another address, as in a new pod with the same volume, goes on with the same series if Prometheus sets the labels that
// docs/grafana.md has: the increase is exactly what happened.
func TestUpgradeAtAnotherAddress(t *testing.T) {
	t.Parallel()
	newer := buildVersion(t, "2.0.0")
	e := newExporter(t, github(t))
	targets := filepath.Join(t.TempDir(), "targets.json")
	pointAt := func(address string) {
		t.Helper()
		if err := os.WriteFile(targets, fmt.Appendf(nil, `[{"targets": [%q]}]`, address), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pointAt(e.address)
	p := runPrometheus(t, fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: dora\n    file_sd_configs: [{files: [%q], refresh_interval: 1s}]\n", targets)+
		block(t, markdown.Read(t, "docs/grafana.md").Text, "    relabel_configs:"), t.TempDir())

	e.start(t)
	e.send(t, "deployment", deployment(1))
	p.wait(t, `github_deployments_total{status="success"}`, 0)
	e.send(t, "deployment_status", status(1, 1, "success"))
	p.wait(t, `github_deployments_duration_sum{status="success"}`, 3600)
	e.kill()

	address := testexporter.FreeAddress(t)
	pointAt(address)
	e.runAt(t, newer, address)
	e.send(t, "deployment_status", status(2, 2, "success"))
	e.send(t, "deployment_status", status(3, 3, "success"))
	p.wait(t, `github_deployments_duration_sum{status="success"}`, 3*3600)
	for query, want := range map[string]float64{
		`count(last_over_time(github_deployments_total{status="success"}[5m]))`: 1,
		`resets(github_deployments_total{status="success"}[5m])`:                0,
		// What increase() is before it extrapolates.
		`github_deployments_total{status="success"} - min_over_time(github_deployments_total{status="success"}[5m])`:               3,
		`github_deployments_duration_sum{status="success"} - min_over_time(github_deployments_duration_sum{status="success"}[5m])`: 3 * 3600,
		`count(count_over_time(dora_exporter_build_info[5m]))`:                                                                     2,
		`count(dora_exporter_build_info{version="2.0.0",instance="dora-exporter"})`:                                                1,
	} {
		p.wait(t, query, want)
	}
}
