package export

import (
	"maps"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// Label is a label of a series.
type Label struct{ Name, Value string }

// labelsOf returns the labels of a label set and others that all series have, sorted by name. The series' own labels win.
func labelsOf(l dora.Labels, others dora.Labels) []Label {
	all := maps.Clone(others)
	if all == nil {
		all = dora.Labels{}
	}
	maps.Copy(all, l)
	var sorted []Label
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" { // to Prometheus, a label without a value is none
			sorted = append(sorted, Label{name, all[name]})
		}
	}
	return sorted
}

// with returns sorted labels with another one.
func with(all []Label, name, value string) []Label {
	at, _ := slices.BinarySearchFunc(all, name, func(l Label, name string) int { return strings.Compare(l.Name, name) })
	return slices.Insert(slices.Clone(all), at, Label{name, value})
}
