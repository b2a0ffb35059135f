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

// suspicious is where 64-bit nanoseconds end, in seconds: a value that large is the mark of an overflow in the program
// that wrote it.
const overflowSeconds = 9.2e9

// findings are what is remarkable about a .prom file.
type findings struct {
	// ignored are the names of families that are not ours. rejected is what has a name of ours and can't be taken,
	// rebounded are sound histograms that can't be taken since their bounds are not ours, doubtful are the series that are
	// taken with values that can hardly be true.
	ignored, rejected, otherBounds, implausible []string
}

// addFinding adds to one of the lists of a file that may have any number of such things.
func addFinding(list *[]string, format string, args ...any) {
	const limit = 1000
	if len(*list) < limit {
		*list = append(*list, fmt.Sprintf(format, args...))
	}
}

const (
	// mostTakenOver is how many series are taken over from another program, and longestTakenOver how many bytes their labels may
	// have together.
	maxForeignSeries = 100_000
	maxForeignBytes  = 32 << 20
)

// readForeignBaseline reads the values of another program's file, which may be of any size.
func readForeignBaseline(r io.Reader, families map[string]dora.Family) (dora.State, findings, error) {
	return readBaseline(r, families, maxForeignSeries, maxForeignBytes)
}

// baseline reads the values of a .prom file as they stand there. Only families of ours with exactly our type and labels
// are taken. It needs memory for what it takes.
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
			addFinding(&n.rejected, "%s with a line that has no le or is there twice", f.Name)
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
		return nil, n, fmt.Errorf("not in Prometheus' text format, or not one that can be taken: %w", err)
	}
	for _, list := range []*[]string{&n.ignored, &n.rejected, &n.otherBounds, &n.implausible} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return state, n, nil
}

// firstNames are the first names of a list, for the log.
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
			return fmt.Errorf("the series %s{%s} is there twice", f.Name, key)
		}
		setSeries(state, f.Name, key, dora.Series{Labels: labels, Baseline: value, BaselineBuckets: buckets})
	}
	return nil
}

// publishedValue is the value of a series; of a histogram its sum, with the count of each bucket.
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
