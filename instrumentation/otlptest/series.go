package otlptest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// Point is a data point of a metric.
type Point struct {
	Value        float64 // of a histogram, the sum
	Count        uint64  // of a histogram
	Buckets      []uint64
	Unit         string
	Delta        bool
	Start, Until uint64
}

// Points returns a request's points by name and labels: name{label="value"}.
func (r Request) Points() map[string]Point {
	all := map[string]Point{}
	for _, resource := range r.Metrics.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				addPoints(all, m)
			}
		}
	}
	return all
}

// Resource returns the attributes of the sender.
func (r Request) Resource() map[string]string {
	all := map[string]string{}
	for _, resource := range r.Metrics.GetResourceMetrics() {
		maps.Copy(all, textsOf(resource.GetResource().GetAttributes()))
	}
	for _, resource := range r.Traces.GetResourceSpans() {
		maps.Copy(all, textsOf(resource.GetResource().GetAttributes()))
	}
	return all
}

// textsOf returns the attributes that are texts or whole numbers.
func textsOf(attributes []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		all[a.GetKey()] = a.GetValue().GetStringValue()
		if n, ok := a.GetValue().GetValue().(*commonpb.AnyValue_IntValue); ok {
			all[a.GetKey()] = strconv.FormatInt(n.IntValue, 10)
		}
	}
	return all
}

func addPoints(all map[string]Point, m *metricspb.Metric) {
	const delta = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	number := func(points []*metricspb.NumberDataPoint, isDelta bool) {
		for _, p := range points {
			all[series(m.GetName(), p.GetAttributes())] = Point{
				Value: p.GetAsDouble() + float64(p.GetAsInt()), Unit: m.GetUnit(), Delta: isDelta, Start: p.GetStartTimeUnixNano(), Until: p.GetTimeUnixNano(),
			}
		}
	}
	number(m.GetGauge().GetDataPoints(), false)
	number(m.GetSum().GetDataPoints(), m.GetSum().GetAggregationTemporality() == delta)
	for _, p := range m.GetHistogram().GetDataPoints() {
		all[series(m.GetName(), p.GetAttributes())] = Point{
			Value: p.GetSum(), Count: p.GetCount(), Buckets: p.GetBucketCounts(), Unit: m.GetUnit(),
			Delta: m.GetHistogram().GetAggregationTemporality() == delta, Start: p.GetStartTimeUnixNano(), Until: p.GetTimeUnixNano(),
		}
	}
}

func series(name string, attributes []*commonpb.KeyValue) string {
	var labels []string
	for _, a := range attributes {
		labels = append(labels, fmt.Sprintf("%s=%q", a.GetKey(), a.GetValue().GetStringValue()))
	}
	slices.Sort(labels)
	return name + "{" + strings.Join(labels, ",") + "}"
}
