package instrumentation

import (
	"context"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// conventions has the attributes of OpenTelemetry's semantic conventions for labels that they have a name for.
// https://opentelemetry.io/docs/specs/semconv/registry/attributes/
var conventions = map[attribute.Key]attribute.Key{
	"repo": "vcs.repository.name", "owner": "vcs.owner.name", "environment": "deployment.environment.name", "status": "deployment.status",
	"route": "http.route", "code": "http.response.status_code",
}

// conventionalExporter exports metrics with the attributes of the semantic conventions. It changes nothing in what it is given.
type conventionalExporter struct{ sdkmetric.Exporter }

// Export exports a copy.
func (e conventionalExporter) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	renamed := *all
	renamed.ScopeMetrics = slices.Clone(all.ScopeMetrics)
	for n, scope := range renamed.ScopeMetrics {
		renamed.ScopeMetrics[n].Metrics = slices.Clone(scope.Metrics)
		for m, metric := range scope.Metrics {
			renamed.ScopeMetrics[n].Metrics[m].Data = renameAttributes(metric.Data)
		}
	}
	return e.Exporter.Export(ctx, &renamed)
}

func renameAttributes(from metricdata.Aggregation) metricdata.Aggregation {
	switch data := from.(type) {
	case metricdata.Sum[float64]:
		data.DataPoints = renamePoints(data.DataPoints)
		return data
	case metricdata.Sum[int64]:
		data.DataPoints = renamePoints(data.DataPoints)
		return data
	case metricdata.Gauge[float64]:
		data.DataPoints = renamePoints(data.DataPoints)
		return data
	case metricdata.Gauge[int64]:
		data.DataPoints = renamePoints(data.DataPoints)
		return data
	case metricdata.Histogram[float64]:
		data.DataPoints = slices.Clone(data.DataPoints)
		for n, p := range data.DataPoints {
			data.DataPoints[n].Attributes = conventional(p.Attributes)
		}
		return data
	}
	return from
}

func renamePoints[N int64 | float64](points []metricdata.DataPoint[N]) []metricdata.DataPoint[N] {
	points = slices.Clone(points)
	for n, p := range points {
		points[n].Attributes = conventional(p.Attributes)
	}
	return points
}

// conventional returns the attributes under the names of the conventions; a status code is a number there.
func conventional(labels attribute.Set) attribute.Set {
	all := labels.ToSlice()
	for n, a := range all {
		name, ok := conventions[a.Key]
		if !ok {
			continue
		}
		all[n].Key = name
		if code, err := strconv.Atoi(a.Value.AsString()); err == nil && a.Key == "code" {
			all[n].Value = attribute.IntValue(code)
		}
	}
	return attribute.NewSet(all...)
}
