package instrumentation

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/otlptranslator"

	"dora-exporter/dora"
	"dora-exporter/internal/markdown"
)

// docs/opentelemetry.md has the names under which Prometheus' OTLP receiver stores some instruments with each of its strategies.
func TestDocumentedTranslations(t *testing.T) {
	families := map[string]dora.Family{}
	for _, f := range dora.Families() {
		families[instrumentNames[f.Name]] = f
	}
	rows := markdown.Read(t, "docs/opentelemetry.md").Rows("instrument", "UnderscoreEscapingWithSuffixes")
	if len(rows) < 5 {
		t.Fatalf("%d rows", len(rows))
	}
	kinds := map[dora.Kind]otlptranslator.MetricType{
		dora.Counter: otlptranslator.MetricTypeMonotonicCounter, dora.Sum: otlptranslator.MetricTypeNonMonotonicCounter,
		dora.Last: otlptranslator.MetricTypeGauge, dora.Histogram: otlptranslator.MetricTypeHistogram,
	}
	for _, row := range rows {
		f, ok := families[row.Name("instrument")]
		if !ok {
			t.Errorf("there is no instrument %s", row.Name("instrument"))
			continue
		}
		want := map[string]string{}
		got := map[string]string{}
		for _, strategy := range []otlptranslator.TranslationStrategyOption{
			otlptranslator.UnderscoreEscapingWithSuffixes, otlptranslator.NoUTF8EscapingWithSuffixes,
			otlptranslator.UnderscoreEscapingWithoutSuffixes, otlptranslator.NoTranslation,
		} {
			namer := otlptranslator.NewMetricNamer("", strategy)
			name, err := namer.Build(otlptranslator.Metric{Name: instrumentNames[f.Name], Unit: instrumentUnit(f), Type: kinds[f.Kind]})
			if err != nil {
				t.Fatal(err)
			}
			want[string(strategy)], got[string(strategy)] = row.Name(string(strategy)), name
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -docs/opentelemetry.md +Prometheus:\n%s", f.Name, diff)
		}
	}
}
