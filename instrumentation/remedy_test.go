package instrumentation

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRemedies(t *testing.T) {
	for name, test := range map[string]struct{ err, temporality, want string }{
		"Prometheus and deltas":   {"failed to send metrics to http://p/v1/metrics: 400 Bad Request (body: invalid temporality and type combination for metric \"x\")", "delta", "set otlp.temporality to cumulative"},
		"a service of deltas":     {"rpc error: code = InvalidArgument desc = only delta Temporality is taken", "cumulative", "set otlp.temporality to delta"},
		"a part":                  {"OTLP partial success: unsupported temporality (3 metric data points rejected)", "delta", "set otlp.temporality to cumulative"},
		"no key":                  {"failed to send metrics to http://p: 401 Unauthorized (body: (empty))", "cumulative", "set otlp.headers"},
		"a wrong key":             {"failed to send metrics to http://p: 403 Forbidden (body: no)", "cumulative", "set otlp.headers"},
		"a wrong key, gRPC":       {"rpc error: code = Unauthenticated desc = no", "cumulative", "set otlp.headers"},
		"a wrong path":            {"failed to send metrics to http://p/x: 404 Not Found (body: (empty))", "cumulative", "set otlp.endpoint"},
		"a page":                  {"failed to send metrics to http://p/x: 405 Method Not Allowed (body: (empty))", "cumulative", "set otlp.endpoint"},
		"another service of gRPC": {"rpc error: code = Unimplemented desc = unknown service", "cumulative", "set otlp.endpoint"},
		"too large":               {"failed to send metrics to http://p: 413 Request Entity Too Large (body: (empty))", "cumulative", "set otlp.compression"},
		"too often":               {"context deadline exceeded: retry-able request failure: body: 429 Too Many Requests: slow down", "cumulative", "set a longer otlp.interval"},
		"too often, gRPC":         {"rpc error: code = ResourceExhausted desc = no", "delta", "set a longer otlp.interval"},
		"too many spans":          {"max retry time would elapse: retry-able request failure: body: 429 Too Many Requests: ", "", "set a lower otlp.traces_ratio"},
		"down, to be retried":     {"context deadline exceeded: retry-able request failure: body: 503 Service Unavailable: 429 requests wait", "cumulative", ""},
		"another protocol":        {"failed to send traces to http://p: 415 Unsupported Media Type (body: (empty))", "", "set otlp.protocol"},
		"bad values":              {"failed to send metrics to http://p: 400 Bad Request (body: no)", "cumulative", "set otlp.protocol, otlp.temporality"},
		"another 4xx":             {"failed to send metrics to http://p: 451 Unavailable For Legal Reasons (body: no)", "cumulative", "set otlp.endpoint, otlp.protocol"},
		"temporality of traces":   {"failed to send traces to http://p: 418 I'm a teapot (body: temporality)", "", "set otlp.endpoint, otlp.protocol"},
		"down":                    {"failed to send metrics to http://p: 500 Internal Server Error (body: 404 Not Found)", "cumulative", ""},
		"no connection":           {"Post \"http://p\": dial tcp: connection refused", "cumulative", ""},
		"unavailable":             {"rpc error: code = Unavailable desc = no", "cumulative", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := remedy(errors.New(test.err), test.temporality)
			if !strings.Contains(got, test.want) || test.want == "" && got != "" {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// The exporters' errors have the status in the form that is looked for.
func TestRemedyOfAnswers(t *testing.T) {
	for status, test := range map[int]struct{ body, want string }{
		401: {"no", "otlp.headers"}, 404: {"no", "otlp.endpoint"}, 400: {"invalid temporality", "set otlp.temporality to delta"},
		429: {"no", "otlp.interval"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600") // longer than the exporter tries again
			http.Error(w, test.body, status)
		}))
		defer server.Close()
		log := &lockedBuffer{}
		stop(t, start(t, restored(t), pushOptions("http/protobuf", server.URL+"/v1/metrics", slog.New(slog.NewTextHandler(log, nil)))))
		if text := log.String(); !strings.Contains(text, fmt.Sprint(": ", status, " ")) || !strings.Contains(text, "remedy=") || !strings.Contains(text, test.want) {
			t.Errorf("%d: %s", status, text)
		}
	}
}
