package instrumentation

import (
	"strings"
	"testing"

	"github.com/prometheus/otlptranslator"

	"dora-exporter/dora"
)

// The OpenTelemetry Collector's Prometheus exporter makes its names with otlptranslator, with suffixes.
func TestCollectorNames(t *testing.T) {
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	kinds := map[dora.Kind]otlptranslator.MetricType{
		dora.Counter:   otlptranslator.MetricTypeMonotonicCounter,
		dora.Sum:       otlptranslator.MetricTypeNonMonotonicCounter,
		dora.Last:      otlptranslator.MetricTypeGauge,
		dora.Histogram: otlptranslator.MetricTypeHistogram,
	}
	for _, f := range dora.Families() {
		if !strings.HasPrefix(f.Name, "dora_") {
			continue
		}
		m := otlptranslator.Metric{Name: instrumentNames[f.Name], Unit: instrumentUnit(f), Type: kinds[f.Kind]}
		if got, err := namer.Build(m); err != nil || got != f.Name {
			t.Errorf("%+v becomes %s, %v; want %s", m, got, err, f.Name)
		}
		if m.Unit == "1" {
			t.Errorf("%s counts no things", f.Name)
		}
	}
}
