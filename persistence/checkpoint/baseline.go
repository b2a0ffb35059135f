package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"dora-exporter/dora"
)

// overflowSeconds is where 64-bit nanoseconds overflow, in seconds: a value that large shows an overflow in the program that wrote
// it.
const overflowSeconds = 9.2e9

// findings lists what was not imported from a .prom file, or looks wrong.
type findings struct {
	// ignored lists families of other programs; rejected lists series and families that have a name of ours and are invalid;
	// otherBounds lists valid histograms with other bounds than ours; implausible lists imported series whose values look implausible.
	ignored, rejected, otherBounds, implausible []string
}

// addFinding appends to a list, up to a limit: a file may have any number of findings.
func addFinding(list *[]string, format string, args ...any) {
	const limit = 1000
	if len(*list) < limit {
		*list = append(*list, fmt.Sprintf(format, args...))
	}
}

const (
	// maxForeignSeries limits the series imported from another program, and maxForeignBytes the bytes of all their label values.
	maxForeignSeries = 100_000
	maxForeignBytes  = 32 << 20
)

// readForeignBaseline reads the values of another program's file, which may have any size.
func readForeignBaseline(r io.Reader, families map[string]dora.Family) (dora.State, findings, error) {
	return readBaseline(r, families, maxForeignSeries, maxForeignBytes)
}

// readOwnBaseline reads the values of a checkpoint of this program. Only families of ours with exactly our type and labels are
// imported. Memory is needed for imported values only.
func readOwnBaseline(r io.Reader, families map[string]dora.Family) (dora.State, findings, error) {
	return readBaseline(r, families, math.MaxInt, math.MaxInt)
}

func readBaseline(r io.Reader, families map[string]dora.Family, maxSeries, maxBytes int) (dora.State, findings, error) {
	var n findings
	state, ignored := dora.State{}, map[string]bool{}
	series, labelBytes := 0, 0
	take := func(found *dto.MetricFamily, lines map[string]int) error {
		f := families[found.GetName()]
		if found.GetType() != metricType(f) {
			addFinding(&n.rejected, "%s of type %s", f.Name, strings.ToLower(found.GetType().String()))
			return nil
		}
		if f.Kind == dora.Histogram && hasUnparsedLines(lines, found) {
			addFinding(&n.rejected, "%s with a line that has no le or is a duplicate", f.Name)
			return nil
		}
		series += len(found.GetMetric())
		for _, m := range found.GetMetric() {
			for _, pair := range m.GetLabel() {
				labelBytes += len(pair.GetValue())
			}
		}
		if series > maxSeries {
			return fmt.Errorf("it has more than %d series of families of dora-exporter", maxSeries)
		}
		if labelBytes > maxBytes {
			return fmt.Errorf("the labels of its series have more than %d bytes", maxBytes)
		}
		return n.addFamily(f, found, state)
	}
	skip := func(name string) {
		if !ignored[name] && len(ignored) < 1000 {
			ignored[name] = true
			n.ignored = append(n.ignored, name)
		}
	}
	if err := parseText(r, families, take, skip); err != nil {
		return nil, n, fmt.Errorf("not in Prometheus' text format, or not importable: %w", err)
	}
	for _, list := range []*[]string{&n.ignored, &n.rejected, &n.otherBounds, &n.implausible} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return state, n, nil
}

// firstNames returns the first names of a list, for the log.
func firstNames(names []string) []string {
	const limit = 100
	if len(names) <= limit {
		return names
	}
	return append(names[:limit:limit], fmt.Sprintf("and %d more", len(names)-limit))
}

// addFamily adds the series of a family to a state.
func (n *findings) addFamily(f dora.Family, found *dto.MetricFamily, state dora.State) error {
	for _, m := range found.GetMetric() {
		labels, err := exactLabels(f, m)
		if err != nil {
			addFinding(&n.rejected, "a series of %s (%v)", f.Name, err)
			continue
		}
		key := labels.Key()
		value, buckets, err := publishedValue(f, m)
		switch {
		case errors.Is(err, errBounds):
			addFinding(&n.otherBounds, "%s{%s}", f.Name, key)
			continue
		case err != nil:
			addFinding(&n.rejected, "%s{%s} (%v)", f.Name, key, err)
			continue
		case value < 0, f.Unit == dora.Milliseconds && value >= overflowSeconds:
			addFinding(&n.implausible, "%s{%s} %g", f.Name, key, value)
		}
		if _, twice := state[f.Name][key]; twice {
			return fmt.Errorf("the series %s{%s} occurs twice", f.Name, key)
		}
		setSeries(state, f.Name, key, dora.Series{Labels: labels, Baseline: value, BaselineBuckets: buckets})
	}
	return nil
}

// publishedValue returns the value of a series; for a histogram its sum, and the count of each bucket.
func publishedValue(f dora.Family, m *dto.Metric) (value float64, buckets []int64, err error) {
	switch f.Kind {
	case dora.Counter:
		value = m.GetCounter().GetValue()
	case dora.Histogram:
		return observations(f, m.GetHistogram())
	default:
		value = m.GetGauge().GetValue()
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		err = fmt.Errorf("%g", value)
	}
	return value, nil, err
}

func exactLabels(f dora.Family, m *dto.Metric) (dora.Labels, error) {
	labels := dora.Labels{}
	for _, pair := range m.GetLabel() {
		if !slices.Contains(f.Labels, pair.GetName()) {
			return nil, fmt.Errorf("label %s", pair.GetName())
		}
		labels[pair.GetName()] = pair.GetValue()
	}
	if len(labels) != len(f.Labels) {
		return nil, errors.New("labels are missing")
	}
	return labels, nil
}
