package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// github answers each look-up with a commit of an hour before the statuses, without a pull request.
func github(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/pulls") {
			_, _ = fmt.Fprint(w, `[]`)
			return
		}
		_, _ = fmt.Fprint(w, `{"sha":"c0ffee","commit":{"message":"change","author":{"date":"2026-03-02T09:00:00Z"}}}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// promtool accepts /metrics but for the documented names, which are fixed.
func TestPromtoolChecksMetrics(t *testing.T) {
	e := newExporter(t, github(t))
	e.start(t)
	e.send(t, "deployment_status", status(1, 1, "success"))
	var metrics string
	eventually(t, "the duration is there", func() (err error) {
		metrics, err = get("http://" + e.address + "/metrics")
		if err == nil && !strings.Contains(metrics, `github_deployments_duration{environment="production",repo="web",status="success",team="Platform"} 3600`) {
			err = fmt.Errorf("not in\n%s", metrics)
		}
		return err
	})
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(metrics)
	var complaints bytes.Buffer
	check.Stdout, check.Stderr = &complaints, &complaints
	if err := check.Run(); err != nil && complaints.Len() == 0 {
		t.Fatal(err)
	}
	fixed := []string{"github_deployments_duration ", "github_deployments_duration_sum ", "jira_incidents ", "jira_incidents_duration_sum "}
	for line := range strings.Lines(complaints.String()) {
		known := false
		for _, name := range fixed {
			known = known || strings.HasPrefix(line, name)
		}
		if !known {
			t.Errorf("promtool: %s", line)
		}
	}
}

// Prometheus scrapes through a kill, a restart and a redelivery of everything: it sees each event once, the first one
// included, and no reset.
func TestPrometheusSeesNoReset(t *testing.T) {
	e := newExporter(t, github(t))
	e.start(t)
	p := startPrometheus(t, e.address)
	e.send(t, "deployment", deployment(1))
	p.wait(t, `github_deployments_total{status="success"}`, 0)
	for id := 1; id <= 3; id++ {
		e.send(t, "deployment_status", status(id, id, "success"))
	}
	p.wait(t, `github_deployments_total{status="success"}`, 3)
	e.kill()
	e.start(t)
	for id := 1; id <= 5; id++ {
		e.send(t, "deployment_status", status(id, id, "success"))
	}
	p.wait(t, `github_deployments_total{status="success"}`, 5)
	p.wait(t, `github_deployments_duration_sum{status="success"}`, 5*3600)
	for query, want := range map[string]float64{
		`resets(github_deployments_total{status="success"}[5m])`:        0,
		`resets(github_deployments_duration_sum{status="success"}[5m])`: 0,
		// What increase() is before it extrapolates: the last value less the first.
		`github_deployments_total{status="success"} - min_over_time(github_deployments_total{status="success"}[5m])`: 5,
		`github_deployments_duration_sum{status="success"} / github_deployments_total`:                               3600,
	} {
		p.wait(t, query, want)
	}
}

type prometheus struct{ url string }

// startPrometheus starts a Prometheus that scrapes the address every second.
func startPrometheus(t *testing.T, target string, flags ...string) prometheus {
	t.Helper()
	folder, address := t.TempDir(), freeAddress(t)
	config := filepath.Join(folder, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: dora\n  static_configs: [{targets: [%q]}]\n", target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	process := exec.Command("prometheus", append(flags, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address="+address)...)
	process.Stdout, process.Stderr = &output, &output
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		if t.Failed() {
			t.Logf("Prometheus said:\n%s", output.String())
		}
	})
	p := prometheus{url: "http://" + address}
	eventually(t, "Prometheus is ready", func() error { _, err := get(p.url + "/-/ready"); return err })
	return p
}

// wait waits until a query answers with one sample of the value.
func (p prometheus) wait(t *testing.T, query string, want float64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s is %g", query, want), func() error {
		text, err := get(p.url + "/api/v1/query?query=" + url.QueryEscape(query))
		if err != nil {
			return err
		}
		var answer struct {
			Data struct {
				Result []struct{ Value [2]any }
			}
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			return err
		}
		if r := answer.Data.Result; len(r) != 1 || r[0].Value[1] != fmt.Sprint(want) {
			return fmt.Errorf("it answers %s", text)
		}
		return nil
	})
}
