package config

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// withVariables reads a configuration with variables in the environment.
func withVariables(t *testing.T, text string, variables map[string]string) (OTLP, []string) {
	t.Helper()
	c, warnings, err := Parse("config.yml", []byte(text), func(name string) string { return variables[name] })
	if err != nil {
		t.Fatal(err)
	}
	return c.OTLP, warnings
}

const endpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"

func TestOTLPEnabled(t *testing.T) {
	at := func(pairs ...string) map[string]string {
		variables := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			variables[pairs[i]] = pairs[i+1]
		}
		return variables
	}
	const (
		endpoint, metrics, traces = endpointVariable, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
		exporter, disabled        = "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"
		url                       = "http://c:4318"
	)
	for name, test := range map[string]struct {
		text            string
		variables       map[string]string
		metrics, traces bool
	}{
		"nothing":                                    {"", nil, false, false},
		"file":                                       {"otlp: {enabled: true}", nil, true, false},
		"an endpoint in the file":                    {"otlp: {endpoint: 'http://c:4318'}", nil, false, false},
		"a variable":                                 {"", at(endpoint, url), true, false},
		"a variable for metrics":                     {"", at(metrics, url), true, false},
		"an empty endpoint in the file":              {"otlp: {endpoint: ''}", at(endpoint, url), true, false},
		"an empty variable":                          {"", at(endpoint, " "), false, false},
		"a variable, off in file":                    {"otlp: {enabled: false}", at(endpoint, url), false, false},
		"SDK disabled":                               {"", at(endpoint, url, traces, url, disabled, "True"), false, false},
		"SDK disabled, on in file":                   {"otlp: {enabled: true, traces: true}", at(disabled, "true"), true, true},
		"SDK not disabled":                           {"", at(endpoint, url, disabled, "false"), true, false},
		"the exporter of metrics alone":              {"", at("OTEL_METRICS_EXPORTER", "otlp"), true, false},
		"the exporter of metrics, SDK disabled":      {"", at("OTEL_METRICS_EXPORTER", "otlp", disabled, "true"), false, false},
		"the exporter of metrics, off in file":       {"otlp: {enabled: false}", at("OTEL_METRICS_EXPORTER", "otlp"), false, false},
		"both exporters":                             {"", at("OTEL_METRICS_EXPORTER", "otlp", exporter, "otlp"), true, true},
		"another exporter":                           {"", at(endpoint, url, "OTEL_METRICS_EXPORTER", "none"), false, false},
		"another exporter with a like name":          {"", at(endpoint, url, "OTEL_METRICS_EXPORTER", "otlp/stdout"), false, false},
		"this exporter beside another":               {"", at(endpoint, url, "OTEL_METRICS_EXPORTER", "prometheus,otlp"), true, false},
		"traces in the file":                         {"otlp: {traces: true}", nil, false, true},
		"both in the file":                           {"otlp: {enabled: true, traces: true}", nil, true, true},
		"traces in the file, but off":                {"otlp: {enabled: false, traces: true}", nil, false, false},
		"a variable for traces":                      {"", at(traces, url), false, true},
		"a variable for traces, off in file":         {"otlp: {traces: false}", at(traces, url), false, false},
		"a variable for traces, push off in file":    {"otlp: {enabled: false}", at(traces, url), false, false},
		"a variable for each":                        {"", at(metrics, url, traces, url), true, true},
		"the exporter of traces":                     {"", at(exporter, "otlp"), false, true},
		"the exporter of traces beside another":      {"", at(exporter, "console,otlp"), false, true},
		"no exporter of traces":                      {"", at(traces, url, exporter, "none"), false, false},
		"one endpoint and the exporter of traces":    {"", at(endpoint, url, exporter, "otlp"), true, true},
		"one endpoint, and traces on in the file":    {"otlp: {traces: true}", at(endpoint, url), true, true},
		"one endpoint for traces alone":              {"", at(endpoint, url, exporter, "otlp", "OTEL_METRICS_EXPORTER", "none"), false, true},
		"no exporter of traces, but on in the file":  {"otlp: {traces: true}", at(exporter, "none"), false, true},
		"an endpoint of traces, and metrics in file": {"otlp: {enabled: true}", at(traces, url), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := withVariables(t, test.text, test.variables); got.Enabled != test.metrics || got.Traces != test.traces {
				t.Errorf("metrics %t, traces %t", got.Enabled, got.Traces)
			}
		})
	}
}

// Each signal has variables of its own, which stand before those of all signals.
func TestTraceVariables(t *testing.T) {
	variables := map[string]string{
		endpointVariable:                        "http://collector:4317",
		"OTEL_EXPORTER_OTLP_PROTOCOL":           "grpc",
		"OTEL_EXPORTER_OTLP_HEADERS":            "a=all",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":    "http://traces:4318/there",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL":    "http/protobuf",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS":     "t=traces",
		"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT":     "1500",
		"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip",
		"OTEL_TRACES_SAMPLER":                   "parentbased_traceidratio",
		"OTEL_BSP_SCHEDULE_DELAY":               "250", "OTEL_BSP_MAX_QUEUE_SIZE": "100",
		"OTEL_TRACES_SAMPLER_ARG": "0.25",
	}
	got, warnings := withVariables(t, "", variables)
	want := OTLP{
		Enabled: true, Traces: true, TracesRatio: 0.25, Temporality: "cumulative", ExportTimeout: 30 * time.Second, Interval: time.Minute,
		Spans: SpanBatches{Delay: 250 * time.Millisecond, Timeout: 30 * time.Second, Queue: 100, Size: 100},
		MetricsReceiver: OTLPReceiver{
			Endpoint: OTLPEndpoint{URL: "http://collector:4317", Source: endpointVariable}, Protocol: "grpc", Compression: "none",
			Headers: map[string]string{"a": "all"}, Timeout: 10 * time.Second,
		},
		TracesReceiver: OTLPReceiver{
			Endpoint: OTLPEndpoint{URL: "http://traces:4318/there", Source: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", IsSignalURL: true},
			Protocol: "http/protobuf", Compression: "gzip", Headers: map[string]string{"t": "traces"}, Timeout: 1500 * time.Millisecond,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" || warnings != nil {
		t.Errorf("warnings %q, -want +got:\n%s", warnings, diff)
	}
	// The file's endpoint is that of all signals.
	got, _ = withVariables(t, "otlp: {endpoint: 'http://file:4318', traces_ratio: 1}", variables)
	file := OTLPEndpoint{URL: "http://file:4318", Source: "otlp.endpoint"}
	if got.MetricsReceiver.Endpoint != file || got.TracesReceiver.Endpoint != file || got.TracesRatio != 1 {
		t.Errorf("the file does not win: %+v", got)
	}
}

// What the specification says of numbers and names at their bounds.
func TestVariableBounds(t *testing.T) {
	got, warnings := withVariables(t, "", map[string]string{
		endpointVariable: "http://c:4318", "OTEL_EXPORTER_OTLP_TIMEOUT": "0", "OTEL_METRIC_EXPORT_TIMEOUT": "0",
		"OTEL_METRIC_EXPORT_INTERVAL": "2147483647", "OTEL_RESOURCE_ATTRIBUTES": "a%2Cb=c%3Dd",
	})
	const longest = 2147483647 * time.Millisecond
	if got.MetricsReceiver.Timeout != longest || got.ExportTimeout != longest || got.Interval != longest || got.ResourceAttributes["a,b"] != "c=d" || warnings != nil {
		t.Errorf("%+v, warnings %q", got, warnings)
	}
	got, warnings = withVariables(t, "", map[string]string{
		endpointVariable: "http://c:4318", "OTEL_METRIC_EXPORT_INTERVAL": "0", "OTEL_EXPORTER_OTLP_TIMEOUT": "-1", "OTEL_RESOURCE_ATTRIBUTES": "a=b,c=%FF",
		"OTEL_BSP_MAX_QUEUE_SIZE": "-1", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "99999999999999", "OTEL_TRACES_EXPORTER": "otlp",
	})
	if got.Interval != time.Minute || got.MetricsReceiver.Timeout != 10*time.Second || got.ResourceAttributes != nil || got.Spans.Queue != 2048 || got.Spans.Size != 2048 || len(warnings) != 4 {
		t.Errorf("%+v, warnings %q", got, warnings)
	}
}

func TestSamplers(t *testing.T) {
	for _, test := range []struct {
		sampler, argument string
		want              float64
	}{
		{"", "0.5", 1}, // without a sampler it has no meaning
		{"always_on", "0.5", 1},
		{"always_off", "", 0},
		{"parentbased_always_off", "", 0},
		{"parentbased_always_on", "", 1},
		{"traceidratio", "", 1},
		{"traceidratio", "0.5", 0.5},
		{"TraceIdRatio", "0", 0},
	} {
		got, warnings := withVariables(t, "", map[string]string{
			"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": test.sampler, "OTEL_TRACES_SAMPLER_ARG": test.argument,
		})
		if got.TracesRatio != test.want || warnings != nil {
			t.Errorf("%s %s: %v, warnings %q", test.sampler, test.argument, got.TracesRatio, warnings)
		}
	}
}

func TestOTLPVariables(t *testing.T) {
	folder := t.TempDir()
	variables := map[string]string{
		endpointVariable:                                    "http://collector:4318",
		"OTEL_EXPORTER_OTLP_PROTOCOL":                       "grpc",
		"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL":               "HTTP/protobuf",
		"OTEL_EXPORTER_OTLP_HEADERS":                        "Authorization=Bearer%20x, x-scope = 1 ,",
		"OTEL_EXPORTER_OTLP_COMPRESSION":                    "gzip",
		"OTEL_EXPORTER_OTLP_TIMEOUT":                        "2500",
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "Delta",
		"OTEL_METRIC_EXPORT_INTERVAL":                       "15000",
		"OTEL_METRIC_EXPORT_TIMEOUT":                        "7000",
		"OTEL_RESOURCE_ATTRIBUTES":                          "service.name=other,deployment.environment.name=a%2Cb",
		"OTEL_SERVICE_NAME":                                 "dora",
	}
	got, warnings := withVariables(t, "", variables)
	want := defaultOTLP()
	want.Enabled, want.Temporality, want.Interval, want.ExportTimeout = true, "delta", 15*time.Second, 7*time.Second
	want.MetricsReceiver = OTLPReceiver{
		Endpoint: OTLPEndpoint{URL: "http://collector:4318", Source: endpointVariable}, Protocol: "http/protobuf", Compression: "gzip",
		Headers: map[string]string{"authorization": "Bearer x", "x-scope": "1"}, Timeout: 2500 * time.Millisecond,
	}
	want.ResourceAttributes = map[string]string{"service.name": "dora", "deployment.environment.name": "a,b"}
	if diff := cmp.Diff(want, got); diff != "" || warnings != nil {
		t.Errorf("warnings %q, -want +got:\n%s", warnings, diff)
	}
	headers := filepath.Join(folder, "headers")
	if err := os.WriteFile(headers, []byte("AUTHORIZATION=Bearer%20y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _ = withVariables(t, `otlp:
  endpoint: http://file:4317
  protocol: grpc
  headers_file: `+headers+`
  compression: none
  timeout: 1s
  temporality: cumulative
  interval: 2s
  resource_attributes: {service.name: file}
`, variables)
	want.Temporality, want.Interval = "cumulative", 2*time.Second
	want.MetricsReceiver = OTLPReceiver{
		Endpoint: OTLPEndpoint{URL: "http://file:4317", Source: "otlp.endpoint"}, Protocol: "grpc", Compression: "none",
		Headers: map[string]string{"authorization": "Bearer y", "x-scope": "1"}, Timeout: time.Second,
	}
	want.ResourceAttributes = map[string]string{"service.name": "file", "deployment.environment.name": "a,b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the file does not win: -want +got:\n%s", diff)
	}
}

// The specification wants a value that is not understood ignored, with a warning. None of them is shown that may be a secret.
func TestInvalidVariables(t *testing.T) {
	for name, want := range map[string]string{
		"OTEL_EXPORTER_OTLP_PROTOCOL":                       `OTEL_EXPORTER_OTLP_PROTOCOL is "canary", must be one of: grpc, http/protobuf; ignoring it`,
		"OTEL_EXPORTER_OTLP_HEADERS":                        `OTEL_EXPORTER_OTLP_HEADERS must be a list of name=value: separate entries by commas and write %20 for a space; ignoring it`,
		"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION":            `OTEL_EXPORTER_OTLP_METRICS_COMPRESSION is "canary", must be one of: gzip, none; ignoring it`,
		"OTEL_EXPORTER_OTLP_TIMEOUT":                        `OTEL_EXPORTER_OTLP_TIMEOUT is "canary", must be a duration: write a number of milliseconds, such as 10000; ignoring it`,
		"OTEL_METRIC_EXPORT_INTERVAL":                       `OTEL_METRIC_EXPORT_INTERVAL is "canary", must be a duration: write a number of milliseconds, such as 10000; ignoring it`,
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE is "canary", must be one of: cumulative, delta, lowmemory; ignoring it`,
		"OTEL_RESOURCE_ATTRIBUTES":                          `OTEL_RESOURCE_ATTRIBUTES must be a list of name=value: separate entries by commas and write %20 for a space; ignoring it`,
		"OTEL_TRACES_SAMPLER":                               `OTEL_TRACES_SAMPLER is "canary", must be one of: always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio; ignoring it`,
	} {
		variables := map[string]string{name: "canary"}
		if _, warnings := withVariables(t, "", variables); len(warnings) != 1 || !strings.HasPrefix(warnings[0], name+" is ignored, since no ") {
			t.Errorf("%s: warnings while it is off: %q", name, warnings)
		}
		variables[endpointVariable] = "http://collector:4318"
		got, warnings := withVariables(t, "", variables)
		if diff := cmp.Diff([]string{want}, warnings); diff != "" {
			t.Errorf("%s: warnings: -want +got:\n%s", name, diff)
		}
		defaults := defaultOTLP()
		defaults.Enabled, defaults.MetricsReceiver.Endpoint = true, OTLPEndpoint{URL: "http://collector:4318", Source: endpointVariable}
		if diff := cmp.Diff(defaults, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// Without an address or with a certificate that is not there, nothing can be pushed.
func TestFatalVariables(t *testing.T) {
	for name, want := range map[string]string{
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is not an address",
		"OTEL_EXPORTER_OTLP_CERTIFICATE":      "otlp.certificate, or its variable, can't be used: no such file or directory",
		"OTEL_EXPORTER_OTLP_CLIENT_KEY":       "otlp.client_certificate and otlp.client_key, or their variables, must be set together",
	} {
		variables := maps.Clone(map[string]string{endpointVariable: "http://c:4318"})
		variables[name] = "user:canary@host"
		_, _, err := Parse("config.yml", nil, func(name string) string { return variables[name] })
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func TestOTLPEndpoints(t *testing.T) {
	for _, test := range []struct {
		OTLPEndpoint
		protocol, want string
		plain          bool
	}{
		{OTLPEndpoint{}, "grpc", "localhost:4317", true},
		{OTLPEndpoint{}, "http/protobuf", "http://localhost:4318/v1/metrics", true},
		{OTLPEndpoint{URL: "https://c:4318"}, "http/protobuf", "https://c:4318/v1/metrics", false},
		{OTLPEndpoint{URL: "https://c/base/"}, "http/protobuf", "https://c/base/v1/metrics", false},
		{OTLPEndpoint{URL: "https://c/base/", IsSignalURL: true}, "http/protobuf", "https://c/base/", false},
		{OTLPEndpoint{URL: "https://c", IsSignalURL: true}, "http/protobuf", "https://c", false},
		{OTLPEndpoint{URL: "https://c/a//b%2Fc/?key=1", IsSignalURL: true}, "http/protobuf", "https://c/a//b%2Fc/?key=1", false},
		{OTLPEndpoint{URL: "https://c/b%2Fc"}, "http/protobuf", "https://c/b%2Fc/v1/metrics", false},
		{OTLPEndpoint{URL: "dns:///c:4317"}, "grpc", "dns:///c:4317", false},
		{OTLPEndpoint{URL: "unix:///run/otlp.sock", Insecure: true}, "grpc", "unix:///run/otlp.sock", true},
		{OTLPEndpoint{URL: "http://c:4317/ignored"}, "grpc", "c:4317", true},
		{OTLPEndpoint{URL: "https://c"}, "grpc", "c:443", false},
		{OTLPEndpoint{URL: "c:4317"}, "grpc", "c:4317", false},
		{OTLPEndpoint{URL: "c:4317", Insecure: true}, "grpc", "c:4317", true},
		{OTLPEndpoint{URL: "[::1]:4317", Insecure: true}, "grpc", "[::1]:4317", true},
		{OTLPEndpoint{URL: "https://c:4317", Insecure: true}, "grpc", "c:4317", false},
	} {
		if got, err := test.Target(test.protocol, MetricsPath); err != nil || got != (OTLPTarget{test.want, test.plain}) {
			t.Errorf("%+v, %s: %+v, %v", test.OTLPEndpoint, test.protocol, got, err)
		}
	}
}
