package integration

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTheCollectorTakesItsConfiguration(t *testing.T) {
	if out, err := exec.Command(otelcol(t), "validate", "--config=../otel-collector.yaml").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// What the Collector shows to Prometheus is what /metrics shows, while either of the two is killed and started again.
func TestTheCollectorShowsWhatIsServed(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			c, e := startPair(t, protocol, "enabled: true, interval: 200ms, timeout: 2s")
			e.send(t, "deployment", deployment(1))
			e.send(t, "deployment_status", status(1, 1, "success"))
			e.send(t, "deployment_status", status(2, 2, "failure"))
			e.sendIncident(t)
			eventually(t, "the first events are the same on both sides", func() error { return alike(e, c, 1) })
			before := startTimes(t, c.file)

			e.kill()
			e.start(t)
			e.send(t, "deployment_status", status(3, 3, "success"))
			eventually(t, "they are after a restart of the exporter", func() error { return alike(e, c, 2) })

			c.kill()
			e.send(t, "deployment_status", status(4, 4, "success"))
			eventually(t, "the failure is told of", func() error {
				if _, err := get("http://" + e.address + "/readyz"); err != nil {
					return err
				}
				metrics, err := get("http://" + e.address + "/metrics")
				if err == nil && strings.Contains(metrics, `dora_exporter_otlp_exports_total{result="error"} 0`) {
					err = fmt.Errorf("no failure is counted")
				}
				return err
			})
			c.start(t)
			eventually(t, "they are after a restart of the Collector", func() error { return alike(e, c, 3) })
			for series, at := range startTimes(t, c.file) {
				if first, ok := before[series]; ok && (len(at) != 1 || !slices.Equal(at, first)) {
					t.Errorf("%s started at %s, and then at %s", series, first, at)
				}
			}
			if len(before) == 0 {
				t.Error("no start times were compared")
			}
			e.kill() // before what it said is read
			if log := e.output.String(); strings.Count(log, "pushing metrics failed") != 1 || strings.Count(log, "pushing metrics works again") != 1 {
				t.Errorf("it is not told of once that pushing fails and works again")
			}
		})
	}
}

// startPair starts a Collector, and an exporter that pushes to it over a protocol, with some settings of otlp.
func startPair(t *testing.T, protocol, settings string) (*collector, *exporter) {
	t.Helper()
	c := newCollector(t)
	c.start(t)
	endpoint := map[string]string{"grpc": c.grpc, "http/protobuf": c.http}[protocol]
	e := newExporter(t, github(t))
	e.configure(t, fmt.Sprintf("deployments: {settle: 1s}\notlp: {endpoint: 'http://%s', protocol: %s, %s}\n", endpoint, protocol, settings))
	e.start(t)
	return c, e
}

// sendIncident posts an incident that is open.
func (e *exporter) sendIncident(t *testing.T) {
	t.Helper()
	const body = `{"webhookEvent":"jira:issue_created","timestamp":1772445600000,"issue":{"id":"1","key":"INC-1","self":"https://jira.example.com/rest/api/2/issue/1",` +
		`"fields":{"created":"2026-03-02T10:00:00.000+0000","project":{"key":"INC"},"priority":{"name":"High"},"status":{"statusCategory":{"key":"new"}}}}}`
	request := e.request("", body)
	request.URL.Path = "/api/jira"
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	request.Header.Set("X-Hub-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		t.Fatalf("the incident: status %d", answer.StatusCode)
	}
}

// alike compares the families dora_* when so many deployments were successful and settled: names, types, labels and values,
// but for the values that change all the time.
func alike(e *exporter, c *collector, successful int) error {
	served, err := get("http://" + e.address + "/metrics")
	if err != nil {
		return err
	}
	shown, err := get("http://" + c.prometheus + "/metrics")
	if err != nil {
		return err
	}
	for _, line := range []string{
		`dora_deployments_total{environment="production",outcome="success",owner="acme",repo="web",team="Platform"} %d`,
		`dora_deployment_run_seconds_count{environment="production",owner="acme",repo="web",team="Platform"} %d`,
		`dora_incidents_open{priority="High",project="INC",team="Platform"} 1`,
		`dora_changes_total{environment="production",owner="acme",repo="web",team="Platform"} 1`,
	} {
		want := line
		if strings.Contains(line, "%d") {
			n := successful
			if strings.Contains(line, "run_seconds") {
				n++ // the failed one took its time, too
			}
			want = fmt.Sprintf(line, n)
		}
		if !strings.Contains(served, want+"\n") {
			return fmt.Errorf("not served yet: %s", want)
		}
	}
	a, b := measures(served), measures(shown)
	for line := range a {
		if !b[line] {
			return fmt.Errorf("the Collector does not show %s, but\n%s", line, strings.Join(slices.Sorted(maps.Keys(b)), "\n"))
		}
	}
	for line := range b {
		// The program's own counters begin with the process, and the Collector remembers those of the one before.
		if !a[line] && !strings.Contains(line, "dora_exporter_") {
			return fmt.Errorf("the Collector shows %s", line)
		}
	}
	return nil
}

var (
	sample   = regexp.MustCompile(`^(dora_\w+)(?:\{(.*)\})? (\S+)$`)
	label    = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
	changing = regexp.MustCompile(`_age_seconds$|^dora_exporter_(otlp_exports|checkpoint_writes)_total$`)
)

// measures are the lines about dora_*, without what the Collector adds: who pushed, as job and instance.
func measures(text string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# HELP dora_") || strings.HasPrefix(line, "# TYPE dora_") {
			all[line] = true
		}
		parts := sample.FindStringSubmatch(line)
		if parts == nil {
			continue
		}
		var labels []string
		for _, pair := range label.FindAllStringSubmatch(parts[2], -1) {
			if pair[1] != "job" && pair[1] != "instance" {
				labels = append(labels, pair[0])
			}
		}
		slices.Sort(labels)
		value := parts[3]
		if changing.MatchString(parts[1]) {
			value = "…"
		}
		all[parts[1]+"{"+strings.Join(labels, ",")+"} "+value] = true
	}
	return all
}

// startTimes are when the counters and histograms of the facts started, by what the Collector wrote into its file.
func startTimes(t *testing.T, path string) map[string][]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	type points struct {
		DataPoints []struct {
			Attributes        json.RawMessage
			StartTimeUnixNano string
		}
	}
	all := map[string][]string{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var push struct {
			ResourceMetrics []struct {
				ScopeMetrics []struct {
					Metrics []struct {
						Name           string
						Sum, Histogram points
					}
				}
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &push); err != nil {
			t.Fatal(err)
		}
		for _, resource := range push.ResourceMetrics {
			for _, scope := range resource.ScopeMetrics {
				for _, m := range scope.Metrics {
					for _, p := range append(m.Sum.DataPoints, m.Histogram.DataPoints...) {
						series := m.Name + string(p.Attributes)
						if !strings.HasPrefix(series, "dora_exporter.") && !slices.Contains(all[series], p.StartTimeUnixNano) {
							all[series] = append(all[series], p.StartTimeUnixNano)
						}
					}
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
