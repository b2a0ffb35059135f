package explain

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// MetricExplanation explains the values of series of a family by the facts that add up to them.
type MetricExplanation struct {
	// Metric is the name that was asked for; a histogram has several.
	Metric string `json:"metric"`
	Family string `json:"family"`
	Type   string `json:"type"`
	Unit   string `json:"unit"`
	Help   string `json:"help"`
	// Position is that of the newest fact of all, up to which the values hold.
	Position int64               `json:"position"`
	Series   []SeriesExplanation `json:"series"`
	// Pending work may still add to the values.
	Pending Backlog `json:"waiting"`
	// Ignored are labels that Prometheus adds to a series.
	Ignored []string `json:"ignored_labels,omitempty"`

	family dora.Family
}

// SeriesExplanation is the value of a series and what it adds up from.
type SeriesExplanation struct {
	Series string      `json:"series"`
	Labels dora.Labels `json:"labels"`
	// Value is the one on /metrics; that of a histogram is its sum, unless its count or a bucket was asked for.
	Value float64 `json:"value"`
	// Count, Sum and Buckets are those of a histogram.
	Count    *int64          `json:"count,omitempty"`
	Sum      *float64        `json:"sum,omitempty"`
	Buckets  []Bucket        `json:"buckets,omitempty"`
	Imported []ImportedValue `json:"taken_over,omitempty"`
	// Removed is the part of the value whose facts were removed; nil if none were.
	Removed *FoldedValue `json:"removed,omitempty"`
	// FactCount and FactSum are over all facts, Facts the newest of them, the newest first.
	FactCount int     `json:"fact_count"`
	FactSum   float64 `json:"fact_sum"`
	Facts     []Fact  `json:"facts"`
}

// Bucket is a cumulative bucket of a histogram.
type Bucket struct {
	LE    string `json:"le"`
	Count int64  `json:"count"`
}

// ImportedValue is the part of a value that came from a file of another program.
type ImportedValue struct {
	Value float64   `json:"value"`
	Count *int64    `json:"count,omitempty"`
	File  string    `json:"file"`
	At    time.Time `json:"at"`
}

// MetricQuery selects the series to explain.
type MetricQuery struct {
	// Name is that of a metric, Labels must all match.
	Name   string
	Labels dora.Labels
	// MaxFacts limits the facts of each series that are listed, MaxSeries the series; -1 for no limit.
	MaxFacts, MaxSeries int
}

// Metric explains the values of the series that a query selects.
func Metric(ctx context.Context, r Reader, q MetricQuery) (Explanation, error) {
	m, err := parseMetric(q)
	if err != nil {
		return nil, err
	}
	x, f := newExplainer(r), m.family
	e := &MetricExplanation{
		Metric: q.Name, Family: f.Name, Type: typeName(f), Unit: map[dora.Unit]string{dora.One: "", dora.Milliseconds: "seconds"}[f.Unit],
		Help: f.Help, Ignored: m.ignored, Series: []SeriesExplanation{}, family: f,
	}
	if e.Position, err = x.LastPosition(ctx); err != nil {
		return nil, err
	}
	if e.Pending, err = x.backlog(ctx); err != nil {
		return nil, err
	}
	found, err := x.SeriesHistory(ctx, dora.SeriesQuery{
		Family: f, Labels: m.labels, MaxFacts: q.MaxFacts, MaxValue: m.maxValue, MaxSeries: q.MaxSeries,
	})
	switch {
	case errors.Is(err, dora.ErrTooManySeries):
		return nil, notFoundf("%s has more than %d series with these labels: add a label, such as %s=\"…\"", f.Name, q.MaxSeries,
			strings.Join(m.otherLabels(), `="…" or `))
	case err != nil:
		return nil, err
	case len(found) == 0 && len(m.labels) == 0:
		return nil, notFoundf("nothing has been counted in %s yet", f.Name)
	case len(found) == 0:
		return nil, notFoundf("no series %s: nothing was counted under these labels; \"dora-exporter explain metric %s\" lists all of them",
			dora.SeriesName(f.Name, m.labels), f.Name)
	}
	for _, history := range found {
		s, err := x.series(ctx, m, history)
		if err != nil {
			return nil, err
		}
		e.Series = append(e.Series, s)
	}
	return e, nil
}

// series explains a series.
func (x *explainer) series(ctx context.Context, m metric, h dora.SeriesHistory) (s SeriesExplanation, err error) {
	f := m.family
	s = SeriesExplanation{
		Series: dora.SeriesName(f.Name+m.suffix, h.Labels), Labels: h.Labels, Value: h.Value(f), FactCount: h.FactCount, FactSum: f.Unit.Scale(h.Own),
	}
	if f.Kind != dora.Last {
		s.FactSum = f.Unit.Scale(h.Own - h.Folded.Own)
	}
	if s.Removed, err = x.folded(ctx, f, h); err != nil {
		return s, err
	}
	if s.Facts, err = x.facts(ctx, h.Facts); err != nil {
		return s, err
	}
	for _, imported := range h.Imported {
		s.Imported = append(s.Imported, ImportedValue{Value: imported.Baseline, File: imported.Source, At: imported.At})
	}
	if f.Kind == dora.Histogram {
		s.addHistogram(m, h)
	}
	return s, nil
}

// addHistogram adds the count, the sum and the buckets of a histogram.
func (s *SeriesExplanation) addHistogram(m metric, h dora.SeriesHistory) {
	f := m.family
	buckets, all := h.Counts(f)
	sum, cumulative := h.Value(f), int64(0)
	s.Count, s.Sum = &all, &sum
	for i, n := range buckets {
		cumulative += n
		le := math.Inf(1)
		if i < len(f.Bounds) {
			le = f.Unit.Scale(f.Bounds[i])
		}
		s.Buckets = append(s.Buckets, Bucket{LE: formatBound(le), Count: cumulative})
		if m.suffix == "_bucket" && equalsBound(m.bound, le) {
			s.Value, s.Series = float64(cumulative), dora.SeriesName(f.Name+m.suffix, h.Labels.With("le", formatBound(le)))
		}
	}
	if m.suffix == "_count" || m.suffix == "_bucket" && m.bound == "" {
		s.Value = float64(all)
	}
	for i, imported := range h.Imported {
		n := int64(0)
		for _, bucket := range imported.BaselineBuckets {
			n += bucket
		}
		s.Imported[i].Count = &n
	}
}

// otherLabels returns the labels of the family that a query does not name.
func (m metric) otherLabels() []string {
	named := slices.Collect(maps.Keys(m.labels))
	return slices.DeleteFunc(slices.Clone(m.family.Labels), func(name string) bool { return slices.Contains(named, name) })
}

func typeName(f dora.Family) string {
	switch f.Kind {
	case dora.Counter:
		return "counter"
	case dora.Histogram:
		return "histogram"
	default:
		return "gauge"
	}
}
