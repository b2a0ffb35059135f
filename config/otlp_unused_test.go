package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A variable that is set and has no effect gets a warning, also if only one of the signals is pushed.
func TestIgnoredVariables(t *testing.T) {
	const noMetrics = " is ignored, since no metrics are pushed: set OTEL_METRICS_EXPORTER=otlp, or otlp.enabled"
	const noTraces = " is ignored, since no traces are pushed: set OTEL_TRACES_EXPORTER=otlp, or otlp.traces"
	const off = " is ignored, since the file sets otlp.enabled to false"
	const otherExporter = " names an exporter that dora-exporter does not have, which is ignored: set it to otlp or none"
	for name, test := range map[string]struct {
		text, variables string
		want            []string
	}{
		"none":           {"", "", nil},
		"all used":       {"", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_SERVICE_NAME=x OTEL_METRIC_EXPORT_INTERVAL=1000", nil},
		"nothing pushed": {"", "OTEL_SERVICE_NAME=x OTEL_EXPORTER_OTLP_HEADERS=a=b", []string{"OTEL_EXPORTER_OTLP_HEADERS" + noMetrics, "OTEL_SERVICE_NAME" + noMetrics}},
		"no metrics":     {"", "OTEL_TRACES_EXPORTER=otlp OTEL_METRIC_EXPORT_TIMEOUT=1000 OTEL_SERVICE_NAME=x", []string{"OTEL_METRIC_EXPORT_TIMEOUT" + noMetrics}},
		"no traces":      {"", "OTEL_METRICS_EXPORTER=otlp OTEL_BSP_MAX_QUEUE_SIZE=9 OTEL_TRACES_SAMPLER=always_on", []string{"OTEL_BSP_MAX_QUEUE_SIZE" + noTraces, "OTEL_TRACES_SAMPLER" + noTraces}},
		"on in the file": {"otlp: {enabled: true}", "OTEL_SERVICE_NAME=x", nil},
		"set in the file": {
			"otlp: {enabled: true, endpoint: http://c:4318, interval: 9s, protocol: , timeout: 9s}",
			"OTEL_EXPORTER_OTLP_ENDPOINT=http://d:4318 OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://d:4318 OTEL_METRIC_EXPORT_INTERVAL=1000 OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_HEADERS=a=b",
			[]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT is ignored, since the file sets otlp.endpoint: remove one of the two",
				"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is ignored, since the file sets otlp.endpoint: remove one of the two",
				"OTEL_METRIC_EXPORT_INTERVAL is ignored, since the file sets otlp.interval: remove one of the two",
			},
		},
		"set to nothing in the file":      {`otlp: {enabled: true, endpoint: ""}`, "OTEL_EXPORTER_OTLP_ENDPOINT=http://d:4318", nil},
		"off in the file, and none there": {"otlp: {enabled: false}", "OTEL_METRICS_EXPORTER=none OTEL_SDK_DISABLED=false", nil},
		"off in the file":                 {"otlp: {enabled: false}", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_METRICS_EXPORTER=otlp", []string{"OTEL_EXPORTER_OTLP_ENDPOINT" + off, "OTEL_METRICS_EXPORTER" + off}},
		"SDK disabled":                    {"", "OTEL_SDK_DISABLED=true OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", nil},
		"exporters of none":               {"", "OTEL_METRICS_EXPORTER=none OTEL_TRACES_EXPORTER=none", nil},
		"exporter we serve":               {"", "OTEL_METRICS_EXPORTER=prometheus,otlp", nil},
		"other exporters":                 {"", "OTEL_METRICS_EXPORTER=console OTEL_TRACES_EXPORTER=zipkin,otlp", []string{"OTEL_METRICS_EXPORTER" + otherExporter, "OTEL_TRACES_EXPORTER" + otherExporter}},
		"invalid and unused":              {"", "OTEL_METRICS_EXPORTER=otlp OTEL_BSP_MAX_QUEUE_SIZE=x", []string{`OTEL_BSP_MAX_QUEUE_SIZE is "x", must be a number: write a whole number above 0, such as 2048; ignoring it`}},
	} {
		t.Run(name, func(t *testing.T) {
			variables := map[string]string{}
			for _, v := range strings.Fields(test.variables) {
				name, value, _ := strings.Cut(v, "=")
				variables[name] = value
			}
			if _, got := withVariables(t, test.text, variables); cmp.Diff(test.want, got) != "" {
				t.Errorf("-want +got:\n%s", cmp.Diff(test.want, got))
			}
		})
	}
}

func TestUnusedVariables(t *testing.T) {
	got := UnusedVariables([]string{
		"PATH=/bin", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_TRACES_SAMPLER_ARG=1", "OTEL_METRICS_EXPORTER=otlp", "OTEL_LOGS_EXPORTER=none", "OTEL_PROPAGATORS=",
		"OTEL_LOG_LEVEL=debug", "OTEL_EXPORTER_OTLP_ENDPOIN=canary", "OTEL_EXPORTER_PROMETHEUS_PORT=9464",
		"OTEL_COLLECTOR_SERVICE_HOST=10.0.0.1", "OTEL_COLLECTOR_SERVICE_PORT=4317", "OTEL_COLLECTOR_SERVICE_PORT_GRPC=4317", "OTEL_COLLECTOR_PORT=tcp://10.0.0.1:4317",
		"OTEL_COLLECTOR_PORT_4317_TCP=tcp://10.0.0.1:4317", "OTEL_COLLECTOR_PORT_4317_TCP_ADDR=10.0.0.1",
	})
	want := []string{
		`OTEL_EXPORTER_OTLP_ENDPOIN is ignored: did you mean "OTEL_EXPORTER_OTLP_ENDPOINT"? docs/opentelemetry.md lists the variables that are read`,
		"OTEL_EXPORTER_PROMETHEUS_PORT is ignored: docs/opentelemetry.md lists the variables that are read",
		"OTEL_LOG_LEVEL is ignored: docs/opentelemetry.md lists the variables that are read",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
