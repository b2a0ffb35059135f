package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"maps"
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
	// dropped lists labels that families don't have and were added up over, missing lists labels that became dora.Unknown.
	dropped, missing []string
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

// reading reads the values of a file.
type reading struct {
	findings

	families map[string]dora.Family
	// foreign is nil for a checkpoint of this program, whose families and series must be exactly those that it writes.
	foreign *foreign
	// maxSeries and maxBytes limit the series, and the bytes of all their label values.
	maxSeries, maxBytes int
	series, labelBytes  int
	state               dora.State
	// rejectedFamilies are the families with something in rejected.
	rejectedFamilies map[string]bool
}

// reject lists something of a family that is invalid.
func (n *reading) reject(f dora.Family, format string, args ...any) {
	n.rejectedFamilies[f.Name] = true
	addFinding(&n.rejected, format, args...)
}

// readOwnBaseline reads the values of a checkpoint of this program. Memory is needed for imported values only.
func readOwnBaseline(r io.Reader, families map[string]dora.Family) (dora.State, findings, error) {
	return readBaseline(r, &reading{families: families, maxSeries: math.MaxInt, maxBytes: math.MaxInt})
}

func readBaseline(r io.Reader, n *reading) (dora.State, findings, error) {
	n.state, n.rejectedFamilies = dora.State{}, map[string]bool{}
	ignored := map[string]bool{}
	skip := func(name string) {
		if !ignored[name] && len(ignored) < 1000 {
			ignored[name] = true
			n.ignored = append(n.ignored, name)
		}
	}
	if err := parseText(r, n.families, n.takeFamily, skip); err != nil {
		return nil, n.findings, fmt.Errorf("not in Prometheus' text format, or not importable: %w", err)
	}
	for _, list := range []*[]string{&n.ignored, &n.rejected, &n.otherBounds, &n.implausible, &n.dropped, &n.missing} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return n.state, n.findings, nil
}

// takeFamily imports a part of a family of ours; lines has the number of lines of each name.
func (n *reading) takeFamily(found *dto.MetricFamily, lines map[string]int) error {
	f := n.families[found.GetName()]
	if found.GetType() != metricType(f) && (n.foreign == nil || !isNumber(found.GetType()) || f.Kind == dora.Histogram) {
		n.reject(f, "%s of type %s", f.Name, strings.ToLower(found.GetType().String()))
		return nil
	}
	if f.Kind == dora.Histogram && hasUnparsedLines(lines, found) {
		n.reject(f, "%s with a line that has no le or is a duplicate", f.Name)
		return nil
	}
	n.series += len(found.GetMetric())
	for _, m := range found.GetMetric() {
		for _, pair := range m.GetLabel() {
			n.labelBytes += len(pair.GetValue())
		}
	}
	if n.series > n.maxSeries {
		return fmt.Errorf("it has more than %d series of families of dora-exporter", n.maxSeries)
	}
	if n.labelBytes > n.maxBytes {
		return fmt.Errorf("the labels of its series have more than %d bytes", n.maxBytes)
	}
	return n.addFamily(f, found)
}

// isNumber reports whether the samples of a type are single numbers.
func isNumber(t dto.MetricType) bool {
	return t == dto.MetricType_COUNTER || t == dto.MetricType_GAUGE || t == dto.MetricType_UNTYPED
}

// firstNames returns the first names of a list, for the log.
func firstNames(names []string) []string {
	const limit = 100
	if len(names) <= limit {
		return names
	}
	return append(names[:limit:limit], fmt.Sprintf("and %d more", len(names)-limit))
}

// addFamily adds the series of a family to the state.
func (n *reading) addFamily(f dora.Family, found *dto.MetricFamily) error {
	for _, m := range found.GetMetric() {
		value, buckets, err := publishedValue(f, m)
		written := labelsOf(m)
		switch {
		case errors.Is(err, errBounds):
			addFinding(&n.otherBounds, "%s{%s}", f.Name, written.Key())
			continue
		case err != nil:
			n.reject(f, "%s{%s} (%v)", f.Name, written.Key(), err)
			continue
		case value < 0, f.Unit == dora.Milliseconds && value >= overflowSeconds:
			addFinding(&n.implausible, "%s{%s} %g", f.Name, written.Key(), value)
		}
		series := dora.Series{Labels: written, Baseline: value, BaselineBuckets: buckets}
		if n.foreign != nil {
			if err := n.addForeign(f, series); err != nil {
				return err
			}
			continue
		}
		if err := checkLabels(f, written); err != nil {
			n.reject(f, "a series of %s (%v)", f.Name, err)
			continue
		}
		if _, twice := n.state[f.Name][written.Key()]; twice {
			return errTwice(f, written)
		}
		setSeries(n.state, f.Name, written.Key(), series)
	}
	return nil
}

func errTwice(f dora.Family, labels dora.Labels) error {
	return fmt.Errorf("the series %s{%s} occurs twice", f.Name, labels.Key())
}

// publishedValue returns the value of a series; for a histogram its sum, and the count of each bucket.
func publishedValue(f dora.Family, m *dto.Metric) (value float64, buckets []int64, err error) {
	if f.Kind == dora.Histogram {
		return observations(f, m.GetHistogram())
	}
	value = m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue() // of which it has one
	if math.IsNaN(value) || math.IsInf(value, 0) {
		err = fmt.Errorf("%g", value)
	}
	return value, nil, err
}

func labelsOf(m *dto.Metric) dora.Labels {
	labels := dora.Labels{}
	for _, pair := range m.GetLabel() {
		labels[pair.GetName()] = pair.GetValue()
	}
	return labels
}

// checkLabels checks that a series has the labels of its family, and no others.
func checkLabels(f dora.Family, labels dora.Labels) error {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if !slices.Contains(f.Labels, name) && !slices.Contains(f.Optional, name) {
			return fmt.Errorf("label %s", name)
		}
	}
	for _, name := range f.Labels {
		if _, ok := labels[name]; !ok {
			return errors.New("labels are missing")
		}
	}
	return nil
}
