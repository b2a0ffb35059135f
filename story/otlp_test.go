package story

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"dora-exporter/instrumentation/otlptest"
	"dora-exporter/internal/testexporter"
	"dora-exporter/persistence/teststore"
)

// pushed are the documented series of the newest push that has any, under their names on /metrics. With PostgreSQL, the program's own metrics are
// pushed by themselves.
func pushed(r *otlptest.Receiver) (n numbers, newest otlptest.Request) {
	for _, newest := range slices.Backward(r.Requests()) {
		if n := documentedIn(newest); len(n) > 0 {
			return n, newest
		}
	}
	return nil, newest
}

func documentedIn(request otlptest.Request) numbers {
	names := strings.NewReplacer(
		"github.deployments.duration.unavailable{", "github_deployments_duration_unavailable_total{",
		"github.deployments.duration.sum{", "github_deployments_duration_sum{", "github.deployments.duration{", "github_deployments_duration{",
		"github.deployments{", "github_deployments_total{", "jira.incidents{", "jira_incidents{", "jira.incidents.duration.sum{", "jira_incidents_duration_sum{",
	)
	n := numbers{}
	for series, point := range request.Points() {
		if strings.HasPrefix(series, "github.") || strings.HasPrefix(series, "jira.") {
			n[names.Replace(series)] = point.Value
		}
	}
	return n
}

// What is pushed is what /metrics says: at the interval, at the end, and after a kill and a restart, with the same start time
// and instance.
func TestPush(t *testing.T) {
	t.Parallel() // it waits most of the time
	for name, receiver := range map[string]func() (*otlptest.Receiver, string, string){
		"grpc": func() (*otlptest.Receiver, string, string) {
			r := otlptest.NewGRPC(t, "127.0.0.1:0", nil)
			return r, r.Address, "grpc"
		},
		"http/protobuf": func() (*otlptest.Receiver, string, string) {
			r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
			return r, r.Address, "http/protobuf"
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, address, protocol := receiver()
			api := newGitHubAPI(t)
			api.addCommit("web", "c0ffee", commit{message: "change", date: newYear})
			e := newExporter(t, api.server.URL)
			e.env = []string{
				"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + address, "OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol, "OTEL_METRIC_EXPORT_INTERVAL=200",
				"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20canary", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test",
			}
			e.start()
			d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
			want := newTruth()
			send := func(id int) {
				t.Helper()
				at := newYear.Add(time.Duration(id) * time.Minute)
				e.mustPost(d.status(id, "success", at))
				want.status(d, "Platform", id, "success", at, newYear)
			}
			send(1)
			e.becomes(want.numbers)
			e.eventually("the values are pushed", func() error { return same(want.numbers, r) })
			_, before := pushed(r)
			e.kill()
			e.start()
			send(2)
			e.becomes(want.numbers)
			e.eventually("the values are pushed after a restart", func() error { return same(want.numbers, r) })
			send(3)
			e.terminate()
			if err := same(want.numbers, r); err != nil {
				t.Errorf("the last push: %v", err)
			}
			_, after := pushed(r)
			series := `github.deployments{environment="production",repo="web",status="success",team="Platform"}`
			if a, b := before.Points()[series].Start, after.Points()[series].Start; a == 0 || a != b {
				t.Errorf("the start time goes from %d to %d", a, b)
			}
			who := after.Resource()
			if id := who["service.instance.id"]; id == "" || id != before.Resource()["service.instance.id"] {
				t.Errorf("the instance goes from %s to %s", before.Resource()["service.instance.id"], id)
			}
			if who["service.name"] != "dora-exporter" || who["service.version"] != "" || who["deployment.environment.name"] != "test" {
				t.Errorf("the resource is %v", who)
			}
			if got := after.Header.Get("Authorization"); got != "Bearer canary" || strings.Contains(e.log.String(), "canary") {
				t.Errorf("the header is %q, or it is in the log", got)
			}
		})
	}
}

func same(want numbers, r *otlptest.Receiver) error {
	got, _ := pushed(r)
	for series, value := range want.nonZero() {
		if math.Abs(got[series]-value) > 1e-9 {
			return fmt.Errorf("%s is %v, want %v", series, got[series], value)
		}
	}
	if len(got.nonZero()) != len(want.nonZero()) {
		return fmt.Errorf("%d series, want %d", len(got.nonZero()), len(want.nonZero()))
	}
	return nil
}

// A collector that is down, or takes requests and does not answer, delays no webhook and no scrape, is told of once, and the
// program still stops in time.
func TestPushToATroubledCollector(t *testing.T) {
	t.Parallel() // it waits most of the time
	silent := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	silent.Block()
	for name, test := range map[string]struct{ address, protocol string }{
		"down, grpc": {testexporter.FreeAddress(t), "grpc"},
		"down, http": {testexporter.FreeAddress(t), "http/protobuf"},
		"silent":     {silent.Address, "http/protobuf"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newExporter(t, "http://127.0.0.1:1")
			e.write("config.yml", e.read("config.yml")+fmt.Sprintf(
				"otlp: {enabled: true, endpoint: 'http://%s', protocol: %s, interval: 100ms, timeout: 500ms, headers: {authorization: canary}}\n", test.address, test.protocol))
			e.start()
			d := deployed{id: 1, repo: "web", env: "production"}
			for id := range 20 {
				began := time.Now()
				e.mustPost(d.status(id+1, "queued", newYear))
				if _, err := e.scrape(); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("a webhook and a scrape took %s", took)
				}
			}
			e.eventually("failures are counted", func() error {
				_, text := e.get("/metrics")
				for _, line := range []string{`dora_exporter_otlp_exports_total{result="error"} 0`, `dora_exporter_otlp_exports_total{result="error"} 1`} {
					if strings.Contains(text, line+"\n") {
						return fmt.Errorf("%s", line)
					}
				}
				return nil
			})
			began := time.Now()
			e.terminate()
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("the stop took %s", took)
			}
			if log := e.log.String(); strings.Count(log, "pushing metrics failed") != 1 || strings.Contains(log, "canary") {
				t.Errorf("not told of once, or with a header:\n%s", log)
			}
		})
	}
}

// Odd variables are told of without what they hold, by the libraries neither.
func TestPushWithOddVariables(t *testing.T) {
	t.Parallel()
	r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	e := newExporter(t, "http://127.0.0.1:1")
	e.env = []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + r.Address, "OTEL_EXPORTER_OTLP_HEADERS=canary", "OTEL_EXPORTER_OTLP_TIMEOUT=soon",
		"OTEL_EXPORTER_OTLP_CERTIFICATE=", "OTEL_RESOURCE_ATTRIBUTES=canary",
		"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=canary", "OTEL_TRACES_SAMPLER=soon", "OTEL_BSP_SCHEDULE_DELAY=soon",
	}
	e.start()
	e.mustPost(deployed{id: 1, repo: "web", env: "production"}.status(1, "queued", newYear)) // a trace, at least
	e.terminate()
	if len(r.Requests()) == 0 {
		t.Error("nothing is pushed")
	}
	for line := range strings.Lines(e.log.String()) {
		if !strings.HasPrefix(line, "level=") && !strings.HasPrefix(line, "time=") || strings.Contains(line, "canary") {
			t.Errorf("the line %s", line)
		}
	}
}

// beginAnew reports whether the intervals of a series begin anew with each process: with PostgreSQL the program's own metrics are those of a replica.
func beginAnew(series string) bool {
	return teststore.InPostgres() && strings.HasPrefix(series, "dora_exporter.")
}

// The deltas that arrive add up to what happened, once, although the collector is away while the program stops, is killed, and
// starts again.
func TestDeltasAddUp(t *testing.T) {
	t.Parallel()
	r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	api := newGitHubAPI(t)
	api.addCommit("web", "c0ffee", commit{message: "change", date: newYear})
	e := newExporter(t, api.server.URL)
	e.write("config.yml", e.read("config.yml")+"deployments: {settle: 1s}\n"+
		fmt.Sprintf("otlp: {enabled: true, endpoint: 'http://%s', interval: 100ms, temporality: delta}\n", r.Address))
	e.start()
	d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
	sent := 0
	send := func() {
		t.Helper()
		sent++
		d.id = sent
		e.mustPost(d.status(sent, "success", newYear.Add(time.Duration(sent)*time.Minute)))
		e.eventually("it is counted", func() error {
			return e.hasMetric(fmt.Sprintf(`dora_deployments_total{environment="production",outcome="success",owner="acme",repo="web",team="Platform"} %d`, sent))
		})
	}
	arrived := func() error {
		sums, until := map[string]float64{}, map[string]uint64{}
		for _, request := range r.Requests() {
			for series, point := range request.Points() {
				if before, known := until[series]; point.Delta && !request.Refused {
					if known && before != point.Start && (!beginAnew(series) || before > point.Start) {
						return fmt.Errorf("an interval of %s ends at %d, and the next one starts at %d", series, before, point.Start)
					}
					until[series] = point.Until
				}
				if name, _, _ := strings.Cut(series, "{"); !request.Refused && point.Delta {
					sums[name] += point.Value
					sums[name+" count"] += float64(point.Count)
				}
			}
		}
		run := 0.0 // the deployments were made at the new year, and each was done some minutes later
		for n := 1; n <= sent; n++ {
			run += float64(n) * 60
		}
		for name, want := range map[string]float64{
			"dora.deployments": float64(sent), "github.deployments": float64(sent), "dora.deployment.run count": float64(sent), "dora.deployment.run": run,
		} {
			if sums[name] != want {
				return fmt.Errorf("the deltas of %s add up to %v, want %v", name, sums[name], want)
			}
		}
		return nil
	}
	for _, restart := range []func(){func() { e.terminate(); e.start() }, func() { e.kill(); e.start() }, func() {}} {
		send()
		e.eventually("all has arrived", arrived)
		r.Refuse(true)
		send()
		restart()
		send()
		r.Refuse(false)
		e.eventually("all has arrived after the outage", arrived)
	}
	e.terminate()
	if err := arrived(); err != nil {
		t.Error(err)
	}
}
