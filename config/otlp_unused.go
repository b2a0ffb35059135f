package config

import (
	"slices"
	"strings"

	"dora-exporter/internal/lazyregexp"
)

// ignored returns a warning for each variable that was read and has no effect. inFile reports whether the file sets a key.
func (e *environment) ignored(o OTLP, inFile func(key string) bool) (warnings []string) {
	if e.disabled {
		return nil
	}
	for _, name := range e.used {
		if on := o.Enabled || o.Traces; on && slices.ContainsFunc(e.warnings, func(w string) bool { return strings.HasPrefix(w, name+" ") }) {
			continue // its invalid value is reported
		}
		if why := e.whyIgnored(name, o, inFile); why != "" {
			warnings = append(warnings, name+" is ignored, since "+why)
		}
	}
	for _, name := range e.otherExporters {
		warnings = append(warnings, name+" names an exporter that dora-exporter does not have, which is ignored: set it to otlp or none")
	}
	slices.Sort(warnings)
	return slices.Compact(warnings)
}

// whyIgnored returns why a variable has no effect; empty if it has one.
func (e *environment) whyIgnored(name string, o OTLP, inFile func(key string) bool) string {
	forTraces := strings.Contains(name, "_TRACES_") || strings.HasPrefix(name, "OTEL_BSP_")
	forMetrics := strings.Contains(name, "_METRICS_") || strings.HasPrefix(name, "OTEL_METRIC_")
	switch {
	case name == "OTEL_SDK_DISABLED", strings.HasSuffix(name, "_EXPORTER") && e.trimmed(name) == "none", slices.Contains(e.otherExporters, name):
	case inFile("otlp.enabled") && !o.Enabled:
		return "the file sets otlp.enabled to false"
	case name == "OTEL_METRICS_EXPORTER", name == "OTEL_TRACES_EXPORTER":
	case forTraces && !o.Traces:
		return "no traces are pushed: set OTEL_TRACES_EXPORTER=otlp, or otlp.traces"
	case keyOf(name) != "" && inFile(keyOf(name)):
		return "the file sets " + keyOf(name) + ": remove one of the two"
	case forMetrics && !o.Enabled, !forTraces && !o.Enabled && !o.Traces:
		return "no metrics are pushed: set OTEL_METRICS_EXPORTER=otlp, or otlp.enabled"
	}
	return ""
}

// fileKeys are the keys of the file that override variables, by what remains of the variables' names without prefix and signal.
var fileKeys = map[string]string{
	"ENDPOINT": "otlp.endpoint", "INSECURE": "otlp.endpoint", "PROTOCOL": "otlp.protocol", "COMPRESSION": "otlp.compression", "TIMEOUT": "otlp.timeout",
	"CERTIFICATE": "otlp.certificate", "CLIENT_CERTIFICATE": "otlp.client_certificate", "CLIENT_KEY": "otlp.client_key",
	"TEMPORALITY_PREFERENCE": "otlp.temporality", "OTEL_METRIC_EXPORT_INTERVAL": "otlp.interval",
	"OTEL_TRACES_SAMPLER": "otlp.traces_ratio", "OTEL_TRACES_SAMPLER_ARG": "otlp.traces_ratio",
}

// keyOf returns the key of the file that overrides a variable; empty if there is none.
func keyOf(variable string) string {
	if rest, ok := strings.CutPrefix(variable, "OTEL_EXPORTER_OTLP_"); ok {
		return fileKeys[strings.TrimPrefix(strings.TrimPrefix(rest, "METRICS_"), "TRACES_")]
	}
	return fileKeys[variable]
}

// serviceVariable matches what Kubernetes sets for each Service, such as one named otel-collector.
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
var serviceVariable = lazyregexp.New(`^\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_[A-Z]+(_\w+)?)=|^\w+_PORT=[a-z]+://`)

// UnusedVariables returns a warning for each of OpenTelemetry's variables in an environment, name=value, that the configuration does not
// read. An exporter of none needs no warning.
func UnusedVariables(environment []string) (warnings []string) {
	read := fields{}
	o := defaultOTLP()
	o.fromEnvironment(func(name string) string {
		read[name] = nil
		return map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio"}[name] // which has an argument
	})
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		_, known := read[name]
		if serviceVariable.MatchString(variable) {
			continue
		}
		if value = strings.TrimSpace(value); known || !strings.HasPrefix(name, "OTEL_") || value == "" || value == "none" && strings.HasSuffix(name, "_EXPORTER") {
			continue
		}
		warnings = append(warnings, name+" is ignored: "+didYouMean(name, read)+"docs/opentelemetry.md lists the variables that are read")
	}
	slices.Sort(warnings)
	return warnings
}
