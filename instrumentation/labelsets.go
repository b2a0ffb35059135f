package instrumentation

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// labelSets makes the attributes of a counter once for each set of values: making them takes longer than counting. There must be few sets.
type labelSets struct {
	names [3]string
	// options has a metric.MeasurementOption by its values, [3]string.
	options sync.Map
}

// of returns the attributes with some values, in the order of the names.
func (s *labelSets) of(values ...string) metric.MeasurementOption {
	key := [3]string(values)
	if known, ok := s.options.Load(key); ok {
		return known.(metric.MeasurementOption)
	}
	attributes := make([]attribute.KeyValue, len(key))
	for i, value := range key {
		attributes[i] = attribute.String(s.names[i], value)
	}
	made, _ := s.options.LoadOrStore(key, metric.WithAttributeSet(attribute.NewSet(attributes...)))
	return made.(metric.MeasurementOption)
}
