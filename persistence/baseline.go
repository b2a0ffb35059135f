package persistence

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"dora-exporter/dora"
)

// suspicious is where 64-bit nanoseconds end, in seconds: a value that large is the mark of an overflow in the program
// that wrote it.
const suspicious = 9.2e9

// notes are what is remarkable about a .prom file.
type notes struct {
	// ignored are the names of families that are not ours. rejected is what has a name of ours and can't be taken,
	// rebounded are sound histograms that can't be taken since their bounds are not ours, doubtful are the series that are
	// taken with values that can hardly be true.
	ignored, rejected, rebounded, doubtful []string
}

// baseline reads the values of a .prom file as they stand there. Only families of ours with exactly our type and labels
// are taken.
func baseline(text []byte, families map[string]dora.Family) (dora.State, notes, error) {
	var n notes
	parser := expfmt.NewTextParser(model.UTF8Validation)
	parsed, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, n, fmt.Errorf("not in Prometheus' text format: %w", err)
	}
	state, lines := dora.State{}, samples(text)
	for name, found := range parsed {
		f, ok := families[name]
		if !ok {
			n.ignored = append(n.ignored, name)
			continue
		}
		if found.GetType() != metricType(f) {
			n.rejected = append(n.rejected, fmt.Sprintf("%s of type %s", name, strings.ToLower(found.GetType().String())))
			continue
		}
		if f.Kind == dora.Histogram && unread(lines, found) {
			n.rejected = append(n.rejected, name+" with a line that has no le or is there twice")
			continue
		}
		series, err := n.take(f, found)
		if err != nil {
			return nil, n, err
		}
		if len(series) > 0 {
			state[name] = series
		}
	}
	for _, list := range []*[]string{&n.ignored, &n.rejected, &n.rebounded, &n.doubtful} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return state, n, nil
}

// few are the first names of a list, for the log.
func few(names []string) []string {
	const most = 100
	if len(names) <= most {
		return names
	}
	return append(names[:most:most], fmt.Sprintf("and %d more", len(names)-most))
}

// take reads the series of a family.
func (n *notes) take(f dora.Family, found *dto.MetricFamily) (map[string]dora.Series, error) {
	taken := map[string]dora.Series{}
	for _, m := range found.GetMetric() {
		labels, err := exactLabels(f, m)
		if err != nil {
			n.rejected = append(n.rejected, fmt.Sprintf("a series of %s (%v)", f.Name, err))
			continue
		}
		name := fmt.Sprintf("%s{%s}", f.Name, labels.Key())
		value, buckets, err := published(f, m)
		switch {
		case errors.Is(err, errBounds):
			n.rebounded = append(n.rebounded, name)
			continue
		case err != nil:
			n.rejected = append(n.rejected, fmt.Sprintf("%s (%v)", name, err))
			continue
		case value < 0, f.Unit == dora.Milliseconds && value >= suspicious:
			n.doubtful = append(n.doubtful, fmt.Sprintf("%s %g", name, value))
		}
		if _, twice := taken[labels.Key()]; twice {
			return nil, fmt.Errorf("the series %s is there twice", name)
		}
		taken[labels.Key()] = dora.Series{Labels: labels, Baseline: value, BaselineBuckets: buckets}
	}
	return taken, nil
}

// published is the value of a series; of a histogram its sum, with the count of each bucket.
func published(f dora.Family, m *dto.Metric) (value float64, buckets []int64, err error) {
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
