package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/persistence"
)

// metricExplained is what is behind series of a family.
type metricExplained struct {
	// Metric is the name that was asked for; a histogram has several.
	Metric string `json:"metric"`
	Family string `json:"family"`
	Type   string `json:"type"`
	Unit   string `json:"unit"`
	Help   string `json:"help"`
	// Position is that of the newest fact of all, up to which the values hold.
	Position int64             `json:"position"`
	Series   []seriesExplained `json:"series"`
	// Waiting may still add to the values.
	Waiting backlog `json:"waiting"`
	// Ignored are labels that Prometheus adds to a series.
	Ignored []string `json:"ignored_labels,omitempty"`

	family dora.Family
}

// seriesExplained is the value of one series and what it is made of.
type seriesExplained struct {
	Series string      `json:"series"`
	Labels dora.Labels `json:"labels"`
	// Value is the one on /metrics; that of a histogram is its sum, unless its count or a bucket was asked for.
	Value float64 `json:"value"`
	// Count, Sum and Buckets are those of a histogram.
	Count   *int64        `json:"count,omitempty"`
	Sum     *float64      `json:"sum,omitempty"`
	Buckets []bucketCount `json:"buckets,omitempty"`
	Taken   []takenOver   `json:"taken_over,omitempty"`
	// FactCount and FactSum are over all facts, Facts the newest of them, the newest first.
	FactCount int        `json:"fact_count"`
	FactSum   float64    `json:"fact_sum"`
	Facts     []factTold `json:"facts"`
}

// backlog is how much is still to be done.
type backlog struct {
	Deliveries int `json:"deliveries"`
	SetAside   int `json:"set_aside"`
	LookUps    int `json:"look_ups"`
	Settling   int `json:"to_be_settled"`
}

func (s *store) waiting(ctx context.Context) (w backlog, err error) {
	b, err := s.Backlog(ctx)
	if err == nil {
		w.Settling, err = s.Unsettled(ctx)
	}
	w.Deliveries, w.SetAside, w.LookUps = b.Deliveries, b.SetAside, b.LookUps
	return w, err
}

func (w backlog) words() string {
	var all []string
	for _, one := range []struct {
		n          int
		what, rest string
	}{
		{w.Deliveries, "delivery", " to be processed"},
		{w.SetAside, "delivery", " set aside"},
		{w.LookUps, "commit", " to be looked up"},
		{w.Settling, "event", " to be looked at together with others"},
	} {
		if one.n > 0 {
			all = append(all, several(int64(one.n), one.what)+one.rest)
		}
	}
	return strings.Join(all, ", ")
}

type bucketCount struct {
	LE    string `json:"le"`
	Count int64  `json:"count"`
}

// takenOver is the part of a value that came from another program's file.
type takenOver struct {
	Value float64   `json:"value"`
	Count *int64    `json:"count,omitempty"`
	File  string    `json:"file"`
	At    time.Time `json:"at"`
}

// explainMetric has a flag for how many facts are shown.
func explainMetric(set *flag.FlagSet) question {
	most := set.Int("n", 50, "")
	return func(ctx context.Context, s *store, about string) (explanation, error) {
		limit := *most
		if limit <= 0 {
			limit = -1
		}
		return s.metric(ctx, about, limit, -1)
	}
}

// metric explains all series of a family that have the labels of a text such as name{label="value"}, each with at most limit
// facts; more series than most are too many. -1 is for all.
func (s *store) metric(ctx context.Context, text string, limit, most int) (*metricExplained, error) {
	name, labels, err := persistence.ParseSeries(text)
	if err != nil {
		return nil, unanswered("read %q: %w", text, err)
	}
	f, part, err := findFamily(name)
	if err != nil {
		return nil, err
	}
	e := &metricExplained{
		Metric: name, Family: f.Name, Type: typeName(f), Unit: map[dora.Unit]string{dora.One: "", dora.Milliseconds: "seconds"}[f.Unit],
		Help: f.Help, family: f, Series: []seriesExplained{},
	}
	bound := labels["le"]
	if part == "_bucket" {
		delete(labels, "le")
	}
	for _, added := range []string{"instance", "job"} { // by Prometheus
		if _, ok := labels[added]; ok {
			e.Ignored = append(e.Ignored, added)
			delete(labels, added)
		}
	}
	for _, one := range sortedNames(labels) {
		if !slices.Contains(f.Labels, one) {
			return nil, unanswered("%s has no label %s; its labels are %s", f.Name, one, strings.Join(f.Labels, ", "))
		}
	}
	if e.Position, err = s.LastPosition(ctx); err != nil {
		return nil, err
	}
	if e.Waiting, err = s.waiting(ctx); err != nil {
		return nil, err
	}
	atMost := int64(math.MaxInt64)
	if bound != "" && part == "_bucket" {
		if atMost, err = boundOf(f, bound); err != nil {
			return nil, err
		}
	}
	found, err := s.Behind(ctx, f, labels, limit, atMost, most)
	if errors.Is(err, persistence.ErrTooManySeries) {
		return nil, unanswered("%s has more than %d series with these labels: name more of them, such as %s=\"…\"", f.Name, most, missing(f, labels))
	}
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && len(labels) == 0 {
		return nil, unanswered("nothing has been counted in %s yet", f.Name)
	}
	if len(found) == 0 {
		return nil, unanswered("no series %s: nothing was counted under these labels; \"dora-exporter explain metric %s\" shows which there are",
			series(f.Name, labels), f.Name)
	}
	for _, b := range found {
		one, err := s.series(ctx, f, part, bound, b)
		if err != nil {
			return nil, err
		}
		e.Series = append(e.Series, one)
	}
	return e, nil
}

// missing are the labels of a family that are not among some.
func missing(f dora.Family, some dora.Labels) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(f.Labels), func(name string) bool { _, named := some[name]; return named }), "=\"…\" or ")
}

// series explains one.
func (s *store) series(ctx context.Context, f dora.Family, part, bound string, b persistence.Behind) (e seriesExplained, err error) {
	e = seriesExplained{
		Series: series(f.Name+part, b.Labels), Labels: b.Labels, Value: b.Value(f), FactCount: b.All, FactSum: f.Unit.Scale(b.Own),
	}
	if e.Facts, err = s.told(ctx, b.Facts); err != nil {
		return e, err
	}
	for _, t := range b.Taken {
		e.Taken = append(e.Taken, takenOver{Value: t.Baseline, File: t.Source, At: t.At})
	}
	if f.Kind != dora.Histogram {
		return e, nil
	}
	buckets, all := b.Counts(f)
	sum, running := b.Value(f), int64(0)
	e.Count, e.Sum = &all, &sum
	for i, n := range buckets {
		running += n
		le := math.Inf(1)
		if i < len(f.Bounds) {
			le = f.Unit.Scale(f.Bounds[i])
		}
		e.Buckets = append(e.Buckets, bucketCount{LE: leText(le), Count: running})
		if part == "_bucket" && sameBound(bound, le) {
			e.Value, e.Series = float64(running), series(f.Name+part, b.Labels.With("le", leText(le)))
		}
	}
	if part == "_count" || part == "_bucket" && bound == "" {
		e.Value = float64(all)
	}
	for i, t := range b.Taken {
		n := int64(0)
		for _, one := range t.BaselineBuckets {
			n += one
		}
		e.Taken[i].Count = &n
	}
	return e, nil
}

// findFamily finds a family by the name of one of its metrics, and the part of a histogram that the name means.
func findFamily(name string) (f dora.Family, part string, err error) {
	families := dora.FamiliesByName()
	if f, ok := families[name]; ok {
		return f, "", nil
	}
	for _, part := range []string{"_bucket", "_count", "_sum"} {
		base, ok := strings.CutSuffix(name, part)
		if f, known := families[base]; ok && known && f.Kind == dora.Histogram {
			return f, part, nil
		}
	}
	var names []string
	best, distance := "", len(name)/2+1
	for _, f := range dora.Families() {
		names = append(names, f.Name)
		if d := config.Letters(name, f.Name); d < distance {
			best, distance = f.Name, d
		}
	}
	guess := ""
	if best != "" {
		guess = fmt.Sprintf("did you mean %s? ", best)
	}
	sort.Strings(names)
	return f, "", unanswered("no events are counted in %q: %sthere are %s", name, guess, strings.Join(names, ", "))
}

// boundOf is the upper bound of a bucket in the family's unit.
func boundOf(f dora.Family, le string) (int64, error) {
	texts := make([]string, 0, len(f.Bounds)+1)
	for _, b := range f.Bounds {
		if sameBound(le, f.Unit.Scale(b)) {
			return b, nil
		}
		texts = append(texts, leText(f.Unit.Scale(b)))
	}
	if sameBound(le, math.Inf(1)) {
		return math.MaxInt64, nil
	}
	return 0, unanswered("%s has no bucket le=%q; there are %s and +Inf", f.Name, le, strings.Join(texts, ", "))
}

func sameBound(text string, le float64) bool {
	v, err := strconv.ParseFloat(text, 64)
	return err == nil && v == le
}

func leText(le float64) string {
	if math.IsInf(le, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(le, 'g', -1, 64)
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

func sortedNames(l dora.Labels) []string {
	names := make([]string, 0, len(l))
	for name := range l {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// series writes a series as it stands on /metrics.
func series(name string, l dora.Labels) string {
	pairs := make([]string, 0, len(l))
	for _, one := range sortedNames(l) {
		pairs = append(pairs, one+`="`+labelEscapes.Replace(l[one])+`"`)
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}

func (e *metricExplained) text(s *sheet) {
	s.line("%s: %s", e.Family, e.Help)
	s.line("%s%s, up to fact %d", e.Type, map[string]string{"": "", "seconds": " in seconds"}[e.Unit], e.Position)
	for _, name := range e.Ignored {
		s.line("the label %s is Prometheus' own", name)
	}
	if words := e.Waiting.words(); words != "" {
		s.line("still waiting, of all there is: %s", words)
	}
	for _, one := range e.Series {
		s.section(fmt.Sprintf("%s %s", one.Series, decimal(one.Value)))
		e.parts(s, one)
		rows := [][]string{}
		for _, f := range one.Facts {
			value := decimal(f.Value)
			if e.family.Kind != dora.Last && f.Value >= 0 {
				value = "+" + value
			}
			rows = append(rows, []string{stamp(f.At), value, f.About, fmt.Sprintf("(fact %d)", f.Position)})
		}
		s.table(rows)
		if more := one.FactCount - len(one.Facts); more > 0 {
			s.line("  … and %d older; -n 0 shows all", more)
		}
	}
}

// parts says what a value adds up from.
func (e *metricExplained) parts(s *sheet, one seriesExplained) {
	for _, t := range one.Taken {
		s.line("  taken over from %s at %s: %s", t.File, stamp(t.At), valueWords(e.family, t.Value))
	}
	switch {
	case one.FactCount == 0 && len(one.Taken) == 0:
		s.line("  no observation yet")
	case one.FactCount == 0:
		s.line("  no facts: all of it was taken over")
	case e.family.Kind == dora.Last:
		s.line("  the newest of %s by its time is the value: %s", several(int64(one.FactCount), "fact"), valueWords(e.family, one.Value))
	case one.Count != nil:
		s.line("  %s, in all %s", several(*one.Count, "observation"), valueWords(e.family, *one.Sum))
		for _, b := range one.Buckets {
			if strings.HasSuffix(e.Metric, "_bucket") {
				s.line("    le=%q %d", b.LE, b.Count)
			}
		}
	default:
		add := "add"
		if one.FactCount == 1 {
			add = "adds"
		}
		s.line("  %s %s up to %s", several(int64(one.FactCount), "fact"), add, valueWords(e.family, one.FactSum))
	}
}
