package export

import (
	"maps"

	"dora-exporter/dora"
)

// labelsOf returns the labels of a label set and others that all series have. The series' own labels win. Labels without a value are left
// out: to Prometheus, a series does not have them.
func labelsOf(l, others dora.Labels) dora.Labels {
	all := dora.Labels{}
	maps.Copy(all, others)
	maps.Copy(all, l)
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}
