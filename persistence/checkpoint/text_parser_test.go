package checkpoint

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// manySeries returns a state with 150 series of each family, and with 3000 of one without buckets: histograms and that one do not
// fit into one part.
func manySeries() dora.State {
	state := dora.State{}
	for _, f := range dora.Families() {
		n := 150
		if f.Name == dora.DeploymentsTotal {
			n = 3000
		}
		for i := range n {
			labels := dora.Labels{}
			for _, name := range f.Labels {
				labels[name] = fmt.Sprintf("%s-%d", name, i)
			}
			series := dora.Series{Labels: labels, Baseline: float64(i) + 0.5}
			if f.Kind == dora.Histogram {
				series.BaselineBuckets = make([]int64, len(f.Bounds)+1)
				for bucket := range series.BaselineBuckets {
					series.BaselineBuckets[bucket] = int64(i + bucket + 1)
				}
			}
			setSeries(state, f.Name, labels.Key(), series)
		}
	}
	return state
}

// A file that is read in parts gives the same values as one that fits into a part, whatever stands between its families.
func TestBaselineInParts(t *testing.T) {
	want := manySeries()
	var text bytes.Buffer
	if err := encodeValues(&text, dora.Families(), want); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dora.DeploymentsTotal, dora.IncidentRecovery} {
		var family bytes.Buffer
		if err := encodeValues(&family, []dora.Family{dora.FamiliesByName()[name]}, want); err != nil || family.Len() <= partSize {
			t.Fatalf("%s has %d bytes, want more than a part: %v", name, family.Len(), err)
		}
	}
	others := "# HELP go_x A long text\n# TYPE go_x histogram\ngo_x_bucket{le=\"1\"} 1\ngo_x_bucket{le=\"+Inf\"} 1\ngo_x_sum 1\ngo_x_count 1\n" +
		strings.Repeat("other{a=\"b\"} 1\n", 2*partSize/len("other{a=\"b\"} 1\n"))
	for name, foreign := range map[string]string{
		"alone": text.String(), "after others": others + text.String(), "before others": text.String() + others,
		"between others": others + strings.ReplaceAll(text.String(), "# HELP", "go_y 1\n# HELP"),
		"sums first":     sumsFirst(text.String()),
		"CRLF comments":  "# x\r\n\r\n" + text.String(),
	} {
		got, n, err := readForeignBaseline(strings.NewReader(foreign), dora.FamiliesByName(), false)
		if err != nil || len(n.rejected)+len(n.otherBounds) > 0 {
			t.Errorf("%s: %v, %+v", name, err, n.rejected)
			continue
		}
		if !reflect.DeepEqual(want, got) { // cmp.Diff takes seconds
			t.Errorf("%s: -want +got:\n%.2000s", name, cmp.Diff(want, got))
		}
	}
	doubled := text.String() + strings.Repeat("other 1\n", 2*partSize/len("other 1\n")) +
		`github_deployments_total{environment="environment-1",repo="repo-1",status="status-1",team="team-1"} 1` + "\n"
	if _, _, err := readForeignBaseline(strings.NewReader(doubled), dora.FamiliesByName(), false); err == nil || !strings.Contains(err.Error(), "occurs twice") {
		t.Errorf("a series in two parts: %v", err)
	}
}

// sumsFirst puts the sum and the count of each histogram's series in front of its buckets.
func sumsFirst(text string) string {
	var out, buckets strings.Builder
	for line := range strings.Lines(text) {
		name := sampleName([]byte(line))
		switch {
		case strings.HasSuffix(name, "_bucket"):
			buckets.WriteString(line)
			continue
		case buckets.Len() > 0 && strings.HasSuffix(name, "_count"):
			line += buckets.String()
			buckets.Reset()
		}
		out.WriteString(line)
	}
	return out.String()
}

// Text that is not in Prometheus' format is refused wherever it is in the file, and so is what would need unlimited memory.
func TestForeignFilesRefused(t *testing.T) {
	const maxSeries, maxBytes = 1000, 100 << 10
	other := strings.Repeat("other 1\n", 40_000)
	if len(other) <= partSize {
		t.Fatal("the other family fits into one part")
	}
	for name, test := range map[string]struct{ text, message string }{
		"text":              {"Dear all,\nthis is a letter.\n", "lines 1 to"},
		"text at the end":   {other + "not a number x\n", "40002"},
		"binary":            {"\x00\x01\x02\n", "lines 1 to"},
		"cut":               {other + "other{a=", "lines"},
		"a long line":       {"other{a=\"" + strings.Repeat("x", maxLine) + "\"} 1\n", "line 1: it has more than 1048576 bytes"},
		"a type of nothing": {"# TYPE other nothing\nother 1\n", "unknown metric type"},
		"ungrouped":         {"dora_x_bucket 1\n", ""},
		"max series":        {series(maxSeries), ""},
		"too many series":   {series(maxSeries + 1), "more than 1000 series"},
		"labels":            {labels(4, 30<<10), "more than 102400 bytes"},
	} {
		_, _, err := readForeign(strings.NewReader(test.text), dora.FamiliesByName(), false, maxSeries, maxBytes)
		if test.message == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %v, want %q", name, err, test.message)
		}
	}
}

// The limits that a server has for files of other programs.
func TestForeignLimits(t *testing.T) {
	for name, test := range map[string]struct{ text, message string }{
		"series": {series(maxForeignSeries + 1), "more than 100000 series"},
		"labels": {labels(33, maxLine-1000), "more than 33554432 bytes"},
	} {
		if _, _, err := readForeignBaseline(strings.NewReader(test.text), dora.FamiliesByName(), false); err == nil || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %v, want %q", name, err, test.message)
		}
	}
}

func series(n int) string {
	var b strings.Builder
	b.WriteString("# TYPE jira_incidents counter\n")
	for i := range n {
		fmt.Fprintf(&b, "jira_incidents{project=\"P%d\",team=\"t\"} 1\n", i)
	}
	return b.String()
}

func labels(n, size int) string {
	var b strings.Builder
	b.WriteString("# TYPE jira_incidents counter\n")
	for i := range n {
		fmt.Fprintf(&b, "jira_incidents{project=\"%d%s\",team=\"t\"} 1\n", i, strings.Repeat("x", size))
	}
	return b.String()
}

// A comment may have any length, and the names of other families take no memory without a limit.
func TestForeignFilesAnySize(t *testing.T) {
	text := io.MultiReader(strings.NewReader("# "), io.LimitReader(xs{}, 8<<20), strings.NewReader("\njira"),
		strings.NewReader("_x 1\n"), strings.NewReader(otherNames(20_000)), strings.NewReader("# TYPE jira_incidents counter\njira_incidents{project=\"P\",team=\"t\"} 7\n# EOF\n"))
	state, n, err := readForeignBaseline(text, dora.FamiliesByName(), false)
	if err != nil || len(state) != 1 || len(n.ignored) != 1000 {
		t.Errorf("%v, %d families, %d ignored", err, len(state), len(n.ignored))
	}
	openMetrics := "# TYPE github_deployments counter\ngithub_deployments_total{" + successText + "} 7\n# EOF\n"
	state, n, err = readForeignBaseline(strings.NewReader(openMetrics), dora.FamiliesByName(), false)
	if err != nil || state[dora.DeploymentsTotal][success.Key()].Baseline != 7 {
		t.Errorf("OpenMetrics: %v, %v, %+v", state, err, n)
	}
}

// xs reads as x without end.
type xs struct{}

func (xs) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// otherNames returns one sample of each of n families.
func otherNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "other_%d 1\n", i)
	}
	return b.String()
}
