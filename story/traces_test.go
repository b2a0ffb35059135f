package story

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dora-exporter/instrumentation/otlptest"
)

// All that becomes of a delivery is one trace: its request, the look-ups that fail while GitHub is down, those after a kill and
// a restart, and the request that brings it again. The log's lines about it have the trace's id.
func TestTraces(t *testing.T) {
	t.Parallel() // it waits most of the time
	for protocol, receiver := range map[string]*otlptest.Receiver{
		"grpc": otlptest.NewGRPC(t, "127.0.0.1:0", nil), "http/protobuf": otlptest.NewHTTP(t, "127.0.0.1:0", nil),
	} {
		t.Run(protocol, func(t *testing.T) {
			api := newGitHubAPI(t)
			api.addCommit("web", "c0ffee", commit{message: "change", date: newYear})
			api.setFault(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
			e := newExporter(t, api.server.URL)
			e.write("config.yml", e.read("config.yml")+"deployments: {settle: 1s}\n")
			e.env = []string{
				"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + receiver.Address, "OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol, "OTEL_TRACES_EXPORTER=otlp",
				"OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_EXPORTER_OTLP_HEADERS=authorization=canary", "GITHUB_TOKEN=canary",
			}
			e.start("-log", "debug")
			d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
			hook := d.status(7, "success", newYear.Add(time.Minute))
			e.mustPost(hook)
			e.eventually("a look-up has failed", func() error {
				for _, s := range receiver.Spans() {
					if s.Name == "look up commit" && s.Failed {
						return nil
					}
				}
				return fmt.Errorf("the spans are\n%s", otlptest.Tree(receiver.Spans()))
			})
			e.kill()
			api.setFault(nil)
			e.start("-log", "debug")
			e.mustPost(hook)
			e.eventually("the deployment is settled", func() error {
				return e.hasMetric(`dora_changes_total{environment="production",owner="acme",repo="web",team="Platform"} 1`)
			})
			want := newTruth()
			want.status(d, "Platform", 7, "success", newYear.Add(time.Minute), newYear)
			e.becomes(want.numbers)
			e.terminate()
			checkTrace(t, receiver.Spans(), e.log.String())
		})
	}
}

func checkTrace(t *testing.T, spans []otlptest.Span, log string) {
	t.Helper()
	tree := otlptest.Tree(spans)
	first := strings.SplitN(tree, "\n", 4)
	if !slices.Equal(first[:3], []string{"POST /api/github", "  store", "  process"}) || strings.Count(tree, "\nPOST") != 0 || strings.Contains(tree, "?") {
		t.Fatalf("the trace is\n%s", tree)
	}
	for _, want := range []string{
		"\n  look up commit\n    GET /repos/{owner}/{repo}/commits/{sha}/pulls\n", "\n    GET /repos/{owner}/{repo}/commits/{sha}\n",
		"\n  settle deployment\n", "\n  POST /api/github\n    store\n",
	} {
		if !strings.Contains(tree, want) {
			t.Errorf("no %q in\n%s", want, tree)
		}
	}
	results := map[string]int{}
	for _, s := range spans {
		if s.Trace != spans[0].Trace {
			t.Errorf("%s is in another trace", s.Name)
		}
		if result := s.Attributes["dora.delivery.result"]; result != "" {
			results[result]++
		}
		if strings.Contains(fmt.Sprint(s), "canary") {
			t.Errorf("a secret is in %+v", s)
		}
	}
	if results["accepted"] != 1 || results["duplicate"] != 1 {
		t.Errorf("the requests' results are %v", results)
	}
	for _, line := range []string{"endpoint=github event=deployment_status", "endpoint=github environment=production", "component=github_api", "result=duplicate"} {
		at := strings.Index(log, line)
		text, _, _ := strings.Cut(log[max(at, 0):], "\n")
		if !strings.Contains(text, "trace_id="+spans[0].Trace) {
			t.Errorf("the line with %s has not the trace's id %s: %s", line, spans[0].Trace, text)
		}
	}
	if strings.Contains(log, "canary") {
		t.Error("a secret is in the log")
	}
}

// Without a word of traces none are pushed.
func TestTracesAreOff(t *testing.T) {
	t.Parallel()
	r := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	e := newExporter(t, "http://127.0.0.1:1")
	e.env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + r.Address}
	e.start()
	e.mustPost(deployed{id: 1, repo: "web", env: "production"}.created())
	e.terminate()
	if len(r.Spans()) != 0 || len(r.Requests()) == 0 || strings.Contains(e.log.String(), "trace_id") {
		t.Errorf("%d requests, %d spans", len(r.Requests()), len(r.Spans()))
	}
}

// A collector that takes requests for both signals and never answers delays no webhook, and the end no more than one signal does.
func TestTracesToASilentCollector(t *testing.T) {
	t.Parallel()
	for name, receiver := range map[string]*otlptest.Receiver{
		"grpc": otlptest.NewGRPC(t, "127.0.0.1:0", nil), "http/protobuf": otlptest.NewHTTP(t, "127.0.0.1:0", nil),
	} {
		t.Run(name, func(t *testing.T) {
			receiver.Block()
			e := newExporter(t, "http://127.0.0.1:1")
			e.write("config.yml", e.read("config.yml")+fmt.Sprintf(
				"otlp: {enabled: true, traces: true, endpoint: 'http://%s', protocol: %s, interval: 1s, timeout: 500ms}\n", receiver.Address, name))
			e.env = []string{"OTEL_BSP_SCHEDULE_DELAY=100"}
			e.start()
			d := deployed{id: 1, repo: "web", env: "production"}
			for id := range 50 {
				e.mustPost(d.status(id+1, "queued", newYear)) // no sender waits longer than some seconds
			}
			e.eventually("it is told of", func() error {
				if !strings.Contains(e.log.String(), "pushing traces failed") {
					return fmt.Errorf("it is not in the log")
				}
				return nil
			})
			e.terminate() // which limits how long it takes
			if log := e.log.String(); strings.Count(log, "pushing traces failed") != 1 {
				t.Errorf("not told of once:\n%s", log)
			}
		})
	}
}
