package config

import (
	"fmt"
	"maps"
	"slices"
)

// didYouMean names the known key that is at most two letters away.
func didYouMean(key string, known fields) string {
	best, distance := "", 3
	for _, one := range slices.Sorted(maps.Keys(known)) {
		if d := Letters(key, one); d < distance {
			best, distance = one, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q? ", best)
}

// letters counts the letters that must be added, removed or changed to make b of a.
// https://en.wikipedia.org/wiki/Levenshtein_distance
func Letters(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
