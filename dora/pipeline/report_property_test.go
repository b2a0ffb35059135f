package pipeline_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/report"
)

// A report agrees with the oracle even about late events, where the facts no longer can.
func TestReportOfLateArrivals(t *testing.T) {
	eachHistory(t, func(t *testing.T, p *history) {
		if !p.plain {
			return // a late deployment does not change with which commits later changes of other scopes began
		}
		x := &exporter{t: t, world: p, store: openStore(t)}
		for part := range p.parts() {
			x.arrive(part...)
			x.settle()
		}
		for _, byRepository := range []bool{false, true} {
			o := report.Options{Now: morning.Add(48 * time.Hour), Since: 90 * 24 * time.Hour, ByRepository: byRepository}
			truth := report.NewTally(o)
			for _, line := range p.oracle().expected() {
				if f := factOf(t, line); slices.Contains(report.ComparedFamilies(), f.Family) {
					truth.Add(f)
				}
			}
			records, err := x.store.Records(t.Context(), func(dora.Fact) {})
			if err != nil {
				t.Fatal(err)
			}
			r, err := report.FromRecords(p.policy, records, truth, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range r.Differences {
				t.Errorf("%s %s: report %v, oracle %v", d.Row, d.Series, d.Events, d.Metrics)
			}
		}
	})
}

// factOf parses a line of the oracle.
func factOf(t *testing.T, line string) dora.Fact {
	t.Helper()
	family, rest, _ := strings.Cut(line, "{")
	labels, value, _ := strings.Cut(rest, "} ")
	f := dora.Fact{Family: family, Labels: dora.Labels{}}
	for labels != "" {
		name, quoted, _ := strings.Cut(labels, "=")
		text, err := strconv.QuotedPrefix(quoted)
		if err != nil {
			t.Fatal(err)
		}
		if f.Labels[name], err = strconv.Unquote(text); err != nil {
			t.Fatal(err)
		}
		labels = strings.TrimPrefix(quoted[len(text):], ",")
	}
	var err error
	if f.Value, err = strconv.ParseInt(value, 10, 64); err != nil {
		t.Fatal(err)
	}
	return f
}
