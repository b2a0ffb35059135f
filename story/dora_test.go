package story

import (
	"fmt"
	"maps"
	"math"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"dora-exporter/internal/markdown"
)

// The month that docs/dora.md works out by hand gives the numbers of its tables, in the order in which it happened, after
// kill -9, and when all is delivered once more; and report and explain say the same.
func TestWorkedExample(t *testing.T) {
	t.Parallel()
	x, want := newExample(t), documentedResults(t)
	e := x.exporter(time.Second)
	e.start()
	for i, w := range x.events {
		if i == len(x.events)/2 {
			e.kill()
			e.start()
		}
		e.mustPost(w)
	}
	e.measures("at first", want)
	e.kill()
	e.start()
	e.measures("after kill -9", want)
	for _, w := range x.events {
		e.mustPost(w.with("X-GitHub-Delivery", "another guid"))
	}
	e.measures("when all is redelivered", want)
	e.terminate()
	e.start()
	e.measures("after a restart", want)
	e.reports()
	e.explains(want)
	if err := e.hasMetric("dora_exporter_late_events_total 0"); err != nil {
		t.Error(err)
	}
}

// Within the time that it takes to settle, the order of arrival changes nothing. On a machine that needs longer to send everything,
// it takes longer to settle.
func TestWorkedExampleBackwards(t *testing.T) {
	t.Parallel()
	for settle := 2 * time.Second; ; settle *= 2 {
		x, want := newExample(t), documentedResults(t)
		e := x.exporter(settle)
		e.start()
		start := time.Now()
		for _, w := range slices.Backward(x.events) {
			e.mustPost(w)
		}
		e.eventually("all are processed", func() error { return e.hasMetric("dora_exporter_backlog 0") })
		if time.Since(start) > settle {
			e.kill()
			continue
		}
		e.measures("backwards", want)
		e.reports()
		e.explains(want)
		if err := e.hasMetric("dora_exporter_late_events_total 0"); err != nil {
			t.Error(err)
		}
		return
	}
}

// measures waits until nothing is left to do and the dora_* families on /metrics are want.
func (e *exporter) measures(when string, want numbers) {
	e.Helper()
	same := func() error {
		status, text := e.get("/metrics")
		if status != 200 {
			return fmt.Errorf("/metrics: status %d: %s", status, text)
		}
		got, err := measured(text)
		if err != nil {
			return err
		}
		for series, value := range got {
			if _, told := want[series]; !told && value == 0 {
				delete(got, series) // what began at 0 need not be told
			}
		}
		if !maps.Equal(want, got) {
			return fmt.Errorf("%s: docs/dora.md and /metrics differ: %w", when, difference{want, got})
		}
		return nil
	}
	e.eventually("nothing waits "+when, e.idle)
	e.eventually("/metrics is as docs/dora.md says "+when, same)
}

// idle reports, as an error, what waits to be processed, looked up or evaluated.
func (e *exporter) idle() error {
	status, text := e.get("/metrics")
	if status != 200 {
		return fmt.Errorf("/metrics: status %d: %s", status, text)
	}
	for _, line := range []string{
		"dora_exporter_backlog 0", "dora_exporter_github_lookups_waiting 0", "dora_exporter_evaluations_waiting 0",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			return fmt.Errorf("/metrics has no line %s", line)
		}
	}
	return nil
}

// ours are the families that the document is about.
var ours = regexp.MustCompile(`^dora_(deployment|change|lead_time|failed|rework|incident)`)

// measured are all series of these families; the buckets of a histogram are series with the label le.
func measured(text string) (numbers, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("/metrics is not valid: %w", err)
	}
	n := numbers{}
	for name, family := range families {
		if !ours.MatchString(name) {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			h := m.GetHistogram()
			if h == nil {
				n[seriesName(name, labels)] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
				continue
			}
			n[seriesName(name+"_count", labels)] = float64(h.GetSampleCount())
			n[seriesName(name+"_sum", labels)] = h.GetSampleSum()
			for _, b := range h.GetBucket() {
				if !math.IsInf(b.GetUpperBound(), 1) {
					n[bucketName(name, labels, b.GetUpperBound())] = float64(b.GetCumulativeCount())
				}
			}
		}
	}
	return n, nil
}

func seriesName(name string, labels map[string]string) string {
	var all []string
	for l, value := range labels {
		all = append(all, fmt.Sprintf("%s=%q", l, value))
	}
	slices.Sort(all)
	return name + "{" + strings.Join(all, ",") + "}"
}

func bucketName(name string, labels map[string]string, le float64) string {
	return seriesName(name+"_bucket", labels) + " le " + strconv.FormatFloat(le, 'f', -1, 64)
}

// documentedSeries is a series as the tables of results write it.
var documentedSeries = regexp.MustCompile(`^(dora_\w+)\{([^}]*)\}$`)

// documentedResults are the numbers that docs/dora.md says /metrics has.
func documentedResults(t *testing.T) numbers {
	t.Helper()
	document := markdown.Read(t, "docs/dora.md")
	split := func(row markdown.Row) (family, labels string) {
		m := documentedSeries.FindStringSubmatch(row.Name("series"))
		if m == nil {
			t.Fatalf("docs/dora.md: %q is not a series", row.Cell("series"))
		}
		return m[1], m[2]
	}
	n := numbers{}
	values, histograms := document.Rows("series", "value"), document.Rows("series", "count", "sum", "observations")
	for _, row := range values {
		family, labels := split(row)
		n[seriesName(family, documentedLabels(family, labels))] = number(t, row.Cell("value"))
	}
	for _, row := range histograms {
		family, labels := split(row)
		addHistogram(t, n, family, documentedLabels(family, labels), row)
	}
	if rows := len(values) + len(histograms); rows < 50 {
		t.Fatalf("docs/dora.md has only %d results", rows)
	}
	return n
}

func addHistogram(t *testing.T, n numbers, family string, labels map[string]string, row markdown.Row) {
	t.Helper()
	count, total := number(t, row.Cell("count")), number(t, row.Cell("sum"))
	var observations []float64
	sum := 0.
	for _, text := range strings.Fields(row.Cell("observations")) {
		observations = append(observations, number(t, text))
		sum += number(t, text)
	}
	if float64(len(observations)) != count || sum != total {
		t.Errorf("docs/dora.md: %s: count %v and sum %v do not match the %d observations, which add up to %v", row.Cell("series"), count, total, len(observations), sum)
	}
	n[seriesName(family+"_count", labels)], n[seriesName(family+"_sum", labels)] = count, total
	for _, le := range documentedBounds(t, family) {
		below := 0
		for _, o := range observations {
			if o <= le {
				below++
			}
		}
		n[bucketName(family, labels, le)] = float64(below)
	}
}

// documentedBounds returns the upper bounds that docs/metrics.md lists for a histogram, in seconds. A unit applies to the numbers
// before it as well: 1, 2 min.
func documentedBounds(t *testing.T, family string) (bounds []float64) {
	t.Helper()
	units := map[string]float64{"s": 1, "min": 60, "h": 3600, "d": 86400}
	for _, row := range markdown.Read(t, "docs/metrics.md").Rows("histogram", "bounds of the buckets") {
		if !slices.Contains(row.Code("histogram"), family) {
			continue
		}
		without := 0 // how many of the last bounds have no unit yet
		for text := range strings.SplitSeq(row.Cell("bounds of the buckets"), ", ") {
			value, unit, hasUnit := strings.Cut(text, " ")
			bounds = append(bounds, number(t, value))
			without++
			if !hasUnit {
				continue
			}
			for n := len(bounds) - without; n < len(bounds); n++ {
				bounds[n] *= units[unit]
			}
			without = 0
		}
	}
	if len(bounds) == 0 || !slices.IsSorted(bounds) {
		t.Fatalf("docs/metrics.md: the bounds of %s are %v", family, bounds)
	}
	return bounds
}

// documentedLabels are the labels that a row stands for: repository and environment, or project and priority, and others by name.
func documentedLabels(family, short string) map[string]string {
	parts := strings.Split(short, ",")
	teams := map[string]string{"api": "Platform", "OPS": "Platform", "shop": "Shop", "SHOP": "Shop"}
	labels := map[string]string{"team": teams[parts[0]], "repo": parts[0], "environment": parts[1], "owner": "acme"}
	if strings.HasPrefix(family, "dora_incident") {
		labels = map[string]string{"team": teams[parts[0]], "project": parts[0], "priority": parts[1]}
	}
	for _, more := range parts[2:] {
		name, value, _ := strings.Cut(more, "=")
		labels[name] = value
	}
	return labels
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
