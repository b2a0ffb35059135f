package story

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dora-exporter/instrumentation/otlptest"
	"dora-exporter/internal/testexporter"
)

// The demonstration has every cause of failure, three teams, staging and production, and its report agrees with /metrics.
func TestDemo(t *testing.T) {
	t.Parallel()
	folder, program := t.TempDir(), filepath.Join(t.TempDir(), "dora-demo")
	if err := testexporter.BuildCommand(program, "dora-demo"); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(testexporter.FreeAddress(t))
	// Seed 3 has five troubles of each kind or more in 91 days, whatever the last one is.
	c := exec.CommandContext(t.Context(), program, "-exporter", binary, "-folder", folder, "-port", port, "-in", "2s", "-once",
		"-days", fmt.Sprint(scaled(91, 182)), "-seed", "3")
	elsewhere := filepath.Join(t.TempDir(), "real.prom") // a real server's, which it leaves alone
	receiver := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	c.Env = []string{"HOME=" + folder, "STORAGE_FILE_PATH=" + elsewhere, "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + receiver.Address, "GITHUB_TOKEN=canary"}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "all events give the values that /metrics has") {
		t.Errorf("it said:\n%s", out)
	}
	if _, err := os.Stat(elsewhere); err == nil || len(receiver.Requests()) > 0 {
		t.Error("it wrote or pushed to what the environment names")
	}
	kept, err := os.ReadFile(filepath.Join(folder, "dora-exporter.prom"))
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range []string{
		`dora_change_failures_total{cause="status",`, `dora_change_failures_total{cause="incident",`, `dora_change_failures_total{cause="rollback",`,
		`dora_change_failures_total{cause="revert",`, `dora_change_failures_total{cause="hotfix",`, `dora_change_failures_total{cause="window",`,
		`dora_deployments_total{environment="staging",outcome="success",owner="acme",repo="checkout",team="Shop"}`,
		`dora_deployments_total{environment="production",outcome="failure",`, `dora_deployments_total{environment="production",outcome="success",owner="acme",repo="app",team="Mobile"}`,
		`dora_incidents_open{`, `dora_lead_time_unavailable_total{environment="production",owner="acme",reason="ignored_author",`,
	} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + `.* [1-9]\d*$`).Match(kept) {
			t.Errorf("it has no %s above 0", series)
		}
	}
}
