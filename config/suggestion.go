package config

import (
	"fmt"
	"maps"
	"slices"

	"dora-exporter/dora"
)

// didYouMean suggests the known key closest to key, within an edit distance of 2; empty if there is none.
func didYouMean(key string, known fields) string {
	best, distance := "", 3
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if d := dora.EditDistance(key, name); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q? ", best)
}
