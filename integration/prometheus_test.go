package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dora-exporter/internal/testexporter"
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
	return runPrometheus(t, fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: dora\n  static_configs: [{targets: [%q]}]\n", target), t.TempDir(), flags...)
}

// runPrometheus starts a Prometheus with a configuration over a folder of data.
func runPrometheus(t *testing.T, configuration, data string, flags ...string) prometheus {
	t.Helper()
	config, address := filepath.Join(t.TempDir(), "prometheus.yml"), testexporter.FreeAddress(t)
	if err := os.WriteFile(config, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	startProcess(t, "Prometheus", exec.Command("prometheus", append(flags, "--config.file="+config, "--storage.tsdb.path="+data, "--storage.tsdb.retention.time=1000d", "--web.listen-address="+address)...))
	p := prometheus{url: "http://" + address}
	eventually(t, "Prometheus is ready", func() error { _, err := get(p.url + "/-/ready"); return err })
	return p
}

// startProcess starts a process that ends with the test, which then shows the end of its output if it has failed.
func startProcess(t *testing.T, name string, process *exec.Cmd) {
	t.Helper()
	var output bytes.Buffer
	process.Stdout, process.Stderr = &output, &output
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		if t.Failed() {
			said := output.String()
			t.Logf("%s said:\n%s", name, said[max(0, len(said)-2000):])
		}
	})
}

// wait waits until a query answers with one sample of the value.
func (p prometheus) wait(t *testing.T, query string, want float64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s is %g", query, want), func() error {
		results, err := p.ask(query, time.Now())
		if err == nil && (len(results) != 1 || results[0].Value.value != want) {
			err = fmt.Errorf("it answers %v", results)
		}
		return err
	})
}

// result is what a query answers for one series: a value, or values when it ends in a range.
type result struct {
	Metric map[string]string
	Value  reading
	Values []reading
}

// labels are all but the name, written as name=value, sorted.
func (r result) labels() string {
	var all []string
	for name, value := range r.Metric {
		if name != "__name__" {
			all = append(all, name+"="+value)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// own are the labels that the exporter gave, without those of Prometheus.
func (r result) own() string {
	own := maps.Clone(r.Metric)
	delete(own, "job")
	delete(own, "instance")
	return result{Metric: own}.labels()
}

// reading is a value at a time.
type reading struct {
	at    time.Time
	value float64
}

// UnmarshalJSON reads [seconds, "value"].
func (s *reading) UnmarshalJSON(text []byte) error {
	var at float64
	var value string
	if err := json.Unmarshal(text, &[]any{&at, &value}); err != nil {
		return err
	}
	s.at = time.UnixMilli(int64(math.Round(at * 1000)))
	var err error
	s.value, err = strconv.ParseFloat(value, 64)
	return err
}

// ask asks a query as of a time.
func (p prometheus) ask(query string, at time.Time) ([]result, error) {
	text, err := get(fmt.Sprintf("%s/api/v1/query?time=%d.%03d&query=%s", p.url, at.Unix(), at.UnixMilli()%1000, url.QueryEscape(query)))
	if err != nil {
		return nil, err
	}
	var answer struct{ Data struct{ Result []result } }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return nil, fmt.Errorf("%s answers %s: %w", query, text, err)
	}
	return answer.Data.Result, nil
}
