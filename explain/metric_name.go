package explain

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"dora-exporter/dora"
)

// metric is a checked MetricQuery.
type metric struct {
	family dora.Family
	// suffix is _bucket, _count or _sum where the name has it behind that of a histogram.
	suffix string
	// labels are those of the family; bound is the value of le of a bucket, and maxValue the same in the family's unit.
	labels   dora.Labels
	bound    string
	maxValue int64
	// ignored are labels that Prometheus adds.
	ignored []string
}

// parseMetric checks a query against the families.
func parseMetric(q MetricQuery) (m metric, err error) {
	m.labels, m.maxValue = maps.Clone(q.Labels), math.MaxInt64
	if m.family, m.suffix, err = FindFamily(q.Name); err != nil {
		return m, err
	}
	if m.suffix == "_bucket" {
		m.bound = m.labels["le"]
		delete(m.labels, "le")
	}
	for _, added := range []string{"instance", "job"} {
		if _, ok := m.labels[added]; ok {
			m.ignored = append(m.ignored, added)
			delete(m.labels, added)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.labels)) {
		if !slices.Contains(m.family.Labels, name) && !slices.Contains(m.family.Optional, name) {
			return m, notFoundf("%s has no label %s; its labels are %s", m.family.Name, name, strings.Join(m.family.Labels, ", "))
		}
	}
	if m.bound != "" {
		m.maxValue, err = parseBound(m.family, m.bound)
	}
	return m, err
}

// FindFamily returns the family of a metric by its name, and the suffix that the name has behind that of a histogram.
func FindFamily(name string) (f dora.Family, suffix string, err error) {
	families := dora.FamiliesByName()
	if f, ok := families[name]; ok {
		return f, "", nil
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		base, ok := strings.CutSuffix(name, suffix)
		if f, known := families[base]; ok && known && f.Kind == dora.Histogram {
			return f, suffix, nil
		}
	}
	nearest, distance := "", len(name)/2+1
	for _, f := range dora.Families() {
		if d := dora.EditDistance(name, f.Name); d < distance {
			nearest, distance = f.Name, d
		}
	}
	guess := ""
	if nearest != "" {
		guess = fmt.Sprintf("did you mean %s? ", nearest)
	}
	return f, "", notFoundf("no events are counted in %q: %sthe metrics are %s", name, guess, strings.Join(slices.Sorted(maps.Keys(families)), ", "))
}

// parseBound returns the upper bound of a bucket in the family's unit.
func parseBound(f dora.Family, le string) (int64, error) {
	bounds := make([]string, 0, len(f.Bounds))
	for _, b := range f.Bounds {
		if equalsBound(le, f.Unit.Scale(b)) {
			return b, nil
		}
		bounds = append(bounds, formatBound(f.Unit.Scale(b)))
	}
	if equalsBound(le, math.Inf(1)) {
		return math.MaxInt64, nil
	}
	return 0, notFoundf("%s has no bucket le=%q; there are %s and +Inf", f.Name, le, strings.Join(bounds, ", "))
}

func equalsBound(text string, le float64) bool {
	v, err := strconv.ParseFloat(text, 64)
	return err == nil && v == le
}

func formatBound(le float64) string {
	if math.IsInf(le, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(le, 'g', -1, 64)
}
