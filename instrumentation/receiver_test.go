package instrumentation

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"dora-exporter/internal/testexporter"
)

// Requests over HTTP go to the endpoint as it is written and nowhere else, and its query is in no log line.
func TestEndpointIsKept(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.RequestURI)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	const path = "/a//b%2Fc/?key=" + canary
	log := &testexporter.Buffer{}
	stop(t, start(t, restored(t), pushOptions("http/protobuf", server.URL+path, slog.New(slog.NewTextHandler(log, nil)))))
	to := tracesTo("http/protobuf", "")
	to.Endpoint = server.URL + path
	traces, _ := startTraces(t, to, 1, slog.New(slog.NewTextHandler(log, nil)))
	_, end := traces.Steps()(t.Context(), "process", statusKey)
	end(nil)
	stopTraces(t, traces)
	if asked = slices.Compact(asked); !slices.Equal(asked, []string{path}) {
		t.Errorf("asked for %q", asked)
	}
	if text := log.String(); strings.Contains(text, canary) || strings.Count(text, "endpoint="+server.URL+"/a//b%2Fc/ ") != 2 {
		t.Errorf("the log is\n%s", text)
	}
}
