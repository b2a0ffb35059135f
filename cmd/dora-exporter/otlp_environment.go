package main

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// fromEnvironment takes what OpenTelemetry's variables say. What can't be understood is ignored with a warning.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
func (o *otlpConfig) fromEnvironment(getenv func(string) string) (warnings []string) {
	d := &decoder{at: map[string]*yaml.Node{}}
	// read reads the first of some variables that is set.
	read := func(into field, names ...string) {
		for _, name := range names {
			value := strings.TrimSpace(getenv(name))
			if value == "" {
				continue
			}
			if into(&yaml.Node{Kind: yaml.ScalarNode, Value: value}, name); d.err != nil {
				warnings = append(warnings, d.err.Error()+"; it is ignored")
				d.err = nil
			}
			return
		}
	}
	// exporter reads a variable for metrics, else that for all signals.
	exporter := func(name string, into field) {
		read(into, "OTEL_EXPORTER_OTLP_METRICS_"+name, "OTEL_EXPORTER_OTLP_"+name)
	}
	read(d.otlpEndpoint(&o.Endpoint), "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	o.Endpoint.Whole = o.Endpoint.From == "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
	exporter("INSECURE", d.variableTruth(&o.Endpoint.Insecure))
	exporter("PROTOCOL", d.word(&o.Protocol, "grpc", "http/protobuf"))
	exporter("HEADERS", d.headers(&o.Headers, d.members))
	exporter("CERTIFICATE", d.text(&o.Certificate))
	exporter("CLIENT_CERTIFICATE", d.text(&o.ClientCertificate))
	exporter("CLIENT_KEY", d.text(&o.ClientKey))
	exporter("COMPRESSION", d.word(&o.Compression, "gzip", "none"))
	exporter("TIMEOUT", d.milliseconds(&o.Timeout))
	read(d.word(&o.Temporality, "cumulative", "delta", "lowmemory"), "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE")
	if o.Temporality == "lowmemory" {
		o.Temporality = "delta" // they differ in asynchronous counters, of which there is none
	}
	read(d.milliseconds(&o.Interval), "OTEL_METRIC_EXPORT_INTERVAL")
	read(d.milliseconds(&o.ExportTimeout), "OTEL_METRIC_EXPORT_TIMEOUT")
	read(d.members(&o.ResourceAttributes), "OTEL_RESOURCE_ATTRIBUTES")
	if name := strings.TrimSpace(getenv("OTEL_SERVICE_NAME")); name != "" {
		add(&o.ResourceAttributes, map[string]string{"service.name": name})
	}
	exporters := cmp.Or(strings.TrimSpace(getenv("OTEL_METRICS_EXPORTER")), "otlp")
	var disabled bool
	read(d.variableTruth(&disabled), "OTEL_SDK_DISABLED")
	o.Enabled = o.Endpoint.Text != "" && !disabled && strings.Contains(exporters, "otlp")
	return warnings
}

// word reads one of some words, in upper or lower case.
func (d *decoder) word(to *string, options ...string) field {
	return func(n *yaml.Node, path string) {
		lower := *n
		lower.Value = strings.ToLower(n.Value)
		d.choice(to, options...)(&lower, path)
	}
}

// variableTruth reads a truth as OpenTelemetry's variables have it: all but true is false.
func (d *decoder) variableTruth(to *bool) field {
	return func(n *yaml.Node, path string) {
		*to = strings.EqualFold(n.Value, "true")
		if !*to && !strings.EqualFold(n.Value, "false") {
			d.fail(n, "%s is %s: write true or false", path, kind(n))
		}
	}
}

// milliseconds reads a whole number of them, above 0.
func (d *decoder) milliseconds(to *time.Duration) field {
	return func(n *yaml.Node, path string) {
		ms, err := strconv.Atoi(n.Value)
		if err != nil || ms < 1 || ms > int(24*time.Hour/time.Millisecond) {
			d.fail(n, "%s is %s, not a number of milliseconds: write one such as 10000", path, kind(n))
			return
		}
		*to = time.Duration(ms) * time.Millisecond
	}
}
