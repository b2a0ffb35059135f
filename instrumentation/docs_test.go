package instrumentation

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"dora-exporter/dora"
	"dora-exporter/internal/markdown"
)

// described is a row of docs/metrics.md.
type described struct{ OTLP, Type, Unit, Labels string }

// docs/metrics.md has every family as the program serves it, in both of its names, and no other.
func TestDocumentedFamilies(t *testing.T) {
	i := newInstruments(t)
	i.Restore(dora.State{})
	for n, f := range dora.Families() {
		labels := dora.Labels{}
		for _, name := range f.Labels {
			labels[name] = "x"
		}
		record(t, i, dora.Fact{Position: int64(n), Family: f.Name, Labels: labels, Value: 1000, At: time.Unix(100, 0)})
	}
	i.Delivery("github", "deployment_status", "accepted")
	i.GitHubRequest("github.com", "/repos/{owner}/{repo}/commits/{sha}", "200")
	i.GitHubRateLimit("github.com", 4999, 5000)
	i.GitHubAuth("github.com", false)
	i.GitHubPaused("github.com", "")
	i.GitHubInaccessible("github.com", 0)
	i.CatalogLookup("found")
	i.Repair("delivery", "github.com", 1, 1, 1)
	i.Checkpoint(now(), nil)
	i.countExport("ok", 1)
	i.countSpanExport("ok", 1)
	i.countLostSpans(1)
	pushing := func() bool { return true }
	i.pushing.Store(&pushing)
	if diff := cmp.Diff(rows(t), served(t, i)); diff != "" {
		t.Errorf("-docs/metrics.md +program:\n%s", diff)
	}
}

// rows reads the tables of docs/metrics.md.
func rows(t *testing.T) map[string]described {
	t.Helper()
	all := map[string]described{}
	for _, row := range markdown.Read(t, "docs/metrics.md").Rows("Prometheus", "OTLP") {
		all[row.Name("Prometheus")] = described{row.Name("OTLP"), row.Cell("type"), row.Cell("unit"), row.Cell("labels")}
	}
	return all
}

// served is what the program has: names, types and labels as on /metrics, the other name and the unit as in OpenTelemetry.
func served(t *testing.T, i *Instruments) map[string]described {
	t.Helper()
	units, names := map[string]string{}, map[string]string{}
	for _, reader := range []*sdkmetric.ManualReader{i.reader, i.selfReader} {
		var all metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &all); err != nil {
			t.Fatal(err)
		}
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				units[m.Name] = m.Unit
			}
		}
	}
	for name, other := range instrumentNames {
		names[name] = other
	}
	for other := range selfHelp {
		name := strings.ReplaceAll(other, ".", "_")
		names[name], names[name+"_total"], names[name+"_seconds"], names[name+"_bytes"], names[name+"_seconds_total"] = other, other, other, other, other
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(scrape(t, i, "")))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]described{}
	for name, f := range families {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "promhttp_") {
			continue
		}
		all[name] = described{names[name], strings.ToLower(f.GetType().String()), units[names[name]], strings.Join(labelNames(f), ", ")}
	}
	return all
}

func labelNames(f *dto.MetricFamily) []string {
	var names []string
	for _, pair := range f.GetMetric()[0].GetLabel() {
		names = append(names, pair.GetName())
	}
	slices.Sort(names)
	return names
}
