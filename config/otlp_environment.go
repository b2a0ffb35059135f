package config

import (
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// fromEnvironment reads OpenTelemetry's variables. Invalid values are ignored with a warning.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
func (o *OTLP) fromEnvironment(getenv func(string) string) *environment {
	e := &environment{decoder: decoder{nodes: map[string]*yaml.Node{}}, getenv: getenv}
	e.receiver(&o.MetricsReceiver, "METRICS")
	e.receiver(&o.TracesReceiver, "TRACES")
	e.readFirst(e.caseInsensitiveChoice(&o.Temporality, "cumulative", "delta", "lowmemory"), "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE")
	if o.Temporality == "lowmemory" {
		o.Temporality = "delta" // they differ only in asynchronous counters, and there are none
	}
	e.readFirst(e.milliseconds(1, &o.Interval), "OTEL_METRIC_EXPORT_INTERVAL")
	e.readFirst(e.timeout(&o.ExportTimeout), "OTEL_METRIC_EXPORT_TIMEOUT")
	e.readFirst(e.attributes(&o.ResourceAttributes), "OTEL_RESOURCE_ATTRIBUTES")
	if name := strings.ToValidUTF8(e.trimmed("OTEL_SERVICE_NAME"), "\uFFFD"); name != "" {
		addAll(&o.ResourceAttributes, map[string]string{"service.name": name})
	}
	e.sampler(&o.TracesRatio)
	e.batches(&o.Spans)
	e.readFirst(e.environmentBoolean(&e.disabled), "OTEL_SDK_DISABLED")
	// An endpoint for all signals enables metrics only.
	o.Enabled = e.contains("OTEL_METRICS_EXPORTER", "otlp", o.MetricsReceiver.Endpoint.URL != "") && !e.disabled
	o.Traces = e.contains("OTEL_TRACES_EXPORTER", "otlp", o.TracesReceiver.Endpoint.IsSignalURL) && !e.disabled
	return e
}

// environment reads variables by the rules of OpenTelemetry's specification.
type environment struct {
	decoder
	getenv   func(string) string
	warnings []string
	// used has the variables that are set and were read, otherExporters those that name an exporter that this program does not have.
	used, otherExporters []string
	// disabled is true if OpenTelemetry is turned off.
	disabled bool
}

// trimmed returns the value of a variable without surrounding spaces. An empty value counts as unset.
func (e *environment) trimmed(name string) string {
	value := strings.TrimSpace(e.getenv(name))
	if value != "" && !slices.Contains(e.used, name) {
		e.used = append(e.used, name)
	}
	return value
}

// contains reports whether the comma-separated variable includes word; def if the variable is unset.
func (e *environment) contains(name, word string, def bool) bool {
	if e.trimmed(name) == "" {
		return def
	}
	found := false
	for item := range strings.SplitSeq(e.trimmed(name), ",") {
		switch item = strings.TrimSpace(item); item {
		case word:
			found = true
		case "", "none", "prometheus": // /metrics is there in any case
		default:
			e.otherExporters = append(e.otherExporters, name)
		}
	}
	return found
}

// readFirst reads the first of the variables that is set.
func (e *environment) readFirst(into field, names ...string) {
	for _, name := range names {
		value := e.trimmed(name)
		if value == "" {
			continue
		}
		into(&yaml.Node{Kind: yaml.ScalarNode, Value: value}, name)
		for _, err := range e.errs {
			if warning := err.Error() + "; ignoring it"; !slices.Contains(e.warnings, warning) { // a variable for all signals is read for each of them
				e.warnings = append(e.warnings, warning)
			}
		}
		e.errs, e.errorCount = nil, 0
		return
	}
}

// receiver reads the variables of a signal, else those of all signals.
func (e *environment) receiver(to *OTLPReceiver, signal string) {
	read := func(name string, into field) {
		e.readFirst(into, "OTEL_EXPORTER_OTLP_"+signal+"_"+name, "OTEL_EXPORTER_OTLP_"+name)
	}
	read("ENDPOINT", e.otlpEndpoint(&to.Endpoint))
	to.Endpoint.IsSignalURL = to.Endpoint.URL != "" && to.Endpoint.Source != "OTEL_EXPORTER_OTLP_ENDPOINT"
	read("INSECURE", e.environmentBoolean(&to.Endpoint.Insecure))
	read("PROTOCOL", e.caseInsensitiveChoice(&to.Protocol, "grpc", "http/protobuf"))
	read("HEADERS", e.headers(&to.Headers, e.keyValueList))
	read("CERTIFICATE", e.text(&to.Certificate))
	read("CLIENT_CERTIFICATE", e.text(&to.ClientCertificate))
	read("CLIENT_KEY", e.text(&to.ClientKey))
	read("COMPRESSION", e.caseInsensitiveChoice(&to.Compression, "gzip", "none"))
	read("TIMEOUT", e.timeout(&to.Timeout))
}

// sampler reads the sampled part of the traces. Traces have no parent, so the parentbased samplers act like their root samplers.
func (e *environment) sampler(to *float64) {
	var which string
	e.readFirst(e.caseInsensitiveChoice(&which, "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"),
		"OTEL_TRACES_SAMPLER")
	switch strings.TrimPrefix(which, "parentbased_") {
	case "always_off":
		*to = 0
	case "traceidratio":
		e.readFirst(e.ratio(to), "OTEL_TRACES_SAMPLER_ARG")
	}
}

// maxSpans bounds the queue of spans: so many take some gigabytes of memory.
const maxSpans = 1 << 20

// batches reads the batches of spans. A batch is at most as large as the queue.
func (e *environment) batches(to *SpanBatches) {
	e.readFirst(e.milliseconds(1, &to.Delay), "OTEL_BSP_SCHEDULE_DELAY")
	e.readFirst(e.timeout(&to.Timeout), "OTEL_BSP_EXPORT_TIMEOUT")
	e.readFirst(e.number(&to.Queue), "OTEL_BSP_MAX_QUEUE_SIZE")
	e.readFirst(e.number(&to.Size), "OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
	to.Queue = min(to.Queue, maxSpans)
	to.Size = min(to.Size, to.Queue)
}

// caseInsensitiveChoice reads one of the options in upper or lower case.
func (d *decoder) caseInsensitiveChoice(to *string, options ...string) field {
	return func(n *yaml.Node, path string) {
		lower := *n
		lower.Value = strings.ToLower(n.Value)
		d.choice(to, options...)(&lower, path)
	}
}

// environmentBoolean reads a boolean by the rule of OpenTelemetry's variables: everything but true is false.
func (d *decoder) environmentBoolean(to *bool) field {
	return func(n *yaml.Node, path string) {
		*to = strings.EqualFold(n.Value, "true")
		if !*to && !strings.EqualFold(n.Value, "false") {
			d.fail(n, "%s is %s, must be one of: true, false", path, describe(n))
		}
	}
}

// longestDuration is the longest time that OpenTelemetry's variables can hold, 24 days.
const longestDuration = math.MaxInt32 * time.Millisecond

// milliseconds reads a duration as a whole number of milliseconds, at least least.
func (d *decoder) milliseconds(least int, to *time.Duration) field {
	return func(n *yaml.Node, path string) {
		ms, err := strconv.Atoi(n.Value)
		if err != nil || ms < least || ms > int(longestDuration/time.Millisecond) {
			d.fail(n, "%s is %s, must be a duration: write a number of milliseconds, such as 10000", path, describe(n))
			return
		}
		*to = time.Duration(ms) * time.Millisecond
	}
}

// timeout reads a duration in milliseconds; 0 means no limit.
func (d *decoder) timeout(to *time.Duration) field {
	return func(n *yaml.Node, path string) {
		if d.milliseconds(0, to)(n, path); *to == 0 {
			*to = longestDuration
		}
	}
}

// UnsetOpenTelemetry removes OpenTelemetry's variables from the environment after they have been read. Its libraries would read
// them too, in a different way, and print values that they can't parse, even secrets.
func UnsetOpenTelemetry() {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OTEL_") {
			_ = os.Unsetenv(name)
		}
	}
}
