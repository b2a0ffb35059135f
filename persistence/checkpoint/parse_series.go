package checkpoint

import (
	"errors"
	"fmt"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"dora-exporter/dora"
)

// ParseSeries parses a series as written in Prometheus' text format or in a query: a name, and labels with their values, without a
// sample value.
func ParseSeries(text string) (name string, labels dora.Labels, err error) {
	text = strings.TrimSpace(text)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	parsed, err := parser.TextToMetricFamilies(strings.NewReader(text + " 0\n"))
	if err != nil {
		return "", nil, fmt.Errorf(`it is not in Prometheus' text format, name{label="value",…}: %w`, err)
	}
	for name, family := range parsed {
		if len(parsed) != 1 || len(family.GetMetric()) != 1 {
			break
		}
		labels := dora.Labels{}
		for _, pair := range family.GetMetric()[0].GetLabel() {
			labels[pair.GetName()] = pair.GetValue()
		}
		return name, labels, nil
	}
	return "", nil, errors.New("it is not one series")
}
