package integration

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// by sums the values of what has the same labels of some names.
func (a answer) by(names ...string) answer {
	sums := answer{}
	for labels, value := range a {
		var kept []string
		for label := range strings.SplitSeq(labels, ",") {
			if name, _, _ := strings.Cut(label, "="); slices.Contains(names, name) {
				kept = append(kept, label)
			}
		}
		sums[strings.Join(kept, ",")] += value
	}
	return sums
}

// of keeps what has all of some labels.
func (a answer) of(some ...string) answer {
	kept := answer{}
	for labels, value := range a {
		has := strings.Split(labels, ",")
		if !slices.ContainsFunc(some, func(label string) bool { return !slices.Contains(has, label) }) {
			kept[labels] = value
		}
	}
	return kept
}

func (a answer) times(n float64) answer {
	all := answer{}
	for labels, value := range a {
		all[labels] = value * n
	}
	return all
}

// per divides by what has the same labels and isn't 0.
func (a answer) per(b answer) answer {
	all := answer{}
	for labels, value := range a {
		if b[labels] > 0 {
			all[labels] = value / b[labels]
		}
	}
	return all
}

// positive keeps what is more than 0.
func (a answer) positive() answer {
	all := answer{}
	for labels, value := range a {
		if value > 0 {
			all[labels] = value
		}
	}
	return all
}

// since is how much more there is than at an earlier time. What there was then and nothing came to is 0.
func (a answer) since(before answer) answer {
	more := answer{}
	for labels, value := range a {
		more[labels] = value - before[labels]
	}
	return more
}

// quantile reads a percentile off the buckets of histograms: the rank's place within its bucket, as if what is in it were
// evenly spread. Where nothing was observed there is none.
// https://prometheus.io/docs/prometheus/2.42/querying/functions/#histogram_quantile
func (a answer) quantile(q float64) answer {
	histograms := map[string]map[float64]float64{}
	for labels, count := range a {
		var rest []string
		bound := math.NaN()
		for label := range strings.SplitSeq(labels, ",") {
			if text, is := strings.CutPrefix(label, "le="); is {
				bound, _ = strconv.ParseFloat(text, 64)
			} else {
				rest = append(rest, label)
			}
		}
		of := strings.Join(rest, ",")
		if histograms[of] == nil {
			histograms[of] = map[float64]float64{}
		}
		histograms[of][bound] = count
	}
	all := answer{}
	for of, counts := range histograms {
		rank := q * counts[math.Inf(1)]
		if rank == 0 {
			continue
		}
		var from, below float64
		for _, bound := range slices.Sorted(maps.Keys(counts)) {
			if counts[bound] >= rank {
				all[of] = from + (bound-from)*(rank-below)/(counts[bound]-below)
				break
			}
			from, below = bound, counts[bound]
		}
	}
	return all
}
