package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// The Collector gets the way of a delivery as one trace, over a kill of the exporter.
func TestTheCollectorTakesTheTraces(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			c, e := startPair(t, protocol, "traces: true")
			e.send(t, "deployment_status", status(1, 1, "success"))
			has := func(wanted ...string) func() error {
				return func() error {
					steps, err := stepsOf(c.file, "github/api.github.com/deployment_status/1")
					if err != nil {
						return err
					}
					for _, want := range wanted {
						if !slices.Contains(steps, want) {
							return fmt.Errorf("no %q among %q", want, steps)
						}
					}
					return nil
				}
			}
			request := []string{"POST /api/github", "POST /api/github > store", "POST /api/github > process", "POST /api/github > look up commit"}
			eventually(t, "the first steps are there", has(append(request, "look up commit > GET /repos/{owner}/{repo}/commits/{sha}/pulls")...))
			e.kill()
			e.start(t)
			e.send(t, "deployment_status", status(1, 1, "success")) // the same again
			eventually(t, "the steps of the next process are there", has("POST /api/github > settle deployment", "POST /api/github > POST /api/github"))
		})
	}
}

// stepsOf are the steps of the trace of a delivery by what the Collector wrote into its file, each with that which it is in.
func stepsOf(path, key string) (steps []string, err error) {
	spans, err := spansOf(path)
	trace, names := "", map[string]string{}
	for _, s := range spans {
		names[s.SpanID] = s.Name
		if s.has(key) {
			trace = s.TraceID
		}
	}
	for _, s := range spans {
		if s.TraceID == trace {
			steps = append(steps, strings.TrimPrefix(names[s.ParentSpanID]+" > "+s.Name, " > "))
		}
	}
	return steps, err
}

// span is one as OTLP has it in JSON.
type span struct {
	TraceID, SpanID, ParentSpanID, Name string
	Attributes                          []struct {
		Key   string
		Value struct{ StringValue string }
	}
}

// has says whether the span is about a delivery.
func (s span) has(key string) bool {
	for _, a := range s.Attributes {
		if a.Key == "dora.delivery.key" && a.Value.StringValue == key {
			return true
		}
	}
	return false
}

func spansOf(path string) (all []span, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var push struct {
			ResourceSpans []struct{ ScopeSpans []struct{ Spans []span } }
		}
		if err := json.Unmarshal(lines.Bytes(), &push); err != nil {
			continue // the last line may be half written
		}
		for _, resource := range push.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				all = append(all, scope.Spans...)
			}
		}
	}
	return all, lines.Err()
}
