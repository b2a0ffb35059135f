package integration

import (
	"encoding/json"
	"maps"
	"math"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"dora-exporter/internal/markdown"
)

// answer is what a query answers: values by labels, written as name=value, sorted.
type answer map[string]float64

// What is delivered passes promtool's checks and its own unit tests.
func TestPromtoolAcceptsTheRules(t *testing.T) {
	t.Parallel()
	tests, err := filepath.Glob("../deploy/prometheus/tests/*.yml")
	if err != nil || len(tests) == 0 {
		t.Fatalf("%d tests, %v", len(tests), err)
	}
	for _, arguments := range [][]string{
		{"check", "config", "../deploy/prometheus/prometheus.yml"},
		{"check", "config", "../deploy/prometheus/replicas.yml"},
		append([]string{"test", "rules"}, tests...),
	} {
		if out, err := exec.Command("promtool", arguments...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", arguments, err, out)
		}
	}
}

// Every query of every rule, panel and variable is evaluated over the history by a real Prometheus and gives what is worked out
// by hand. A query without an expected value fails.
func TestQueries(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)
	p := startPrometheusOver(t, history(t, now, 98*24*time.Hour))

	wanted := expectedOfRules()
	for name, expr := range p.rules(t) {
		want, ok := wanted[name]
		if !ok {
			t.Errorf("%s: nothing is expected of it", name)
		}
		delete(wanted, name)
		p.check(t, name, expr, now, want)
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		t.Errorf("%s is expected and not there", name)
	}
	for _, expr := range documentedQueries(t) {
		p.check(t, "docs/grafana.md", expr, now, expectedOfDocuments(expr))
	}
	// It is noon in UTC, four in the morning in Los Angeles, and one in the morning of the next day in Auckland.
	p.checkPanels(t, now, 28, 6+12.0/24)
	p.checkPanels(t, now.In(time.FixedZone("Berlin", 3600)), 28, 6+13.0/24)
	p.checkPanels(t, now.In(time.FixedZone("Los Angeles", -8*3600)), 28, 6+4.0/24)
	p.checkPanels(t, now.In(time.FixedZone("Auckland", 13*3600)), 28, 6+1.0/24)
}

// Who has just installed all of it sees what happened since, on every panel, be it today or tomorrow.
func TestQueriesInTheFirstHour(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.March, 2, 1, 0, 0, 0, time.UTC)
	p := startPrometheusOver(t, history(t, now, time.Hour))
	for _, hours := range []int{0, 1, -8, 13} {
		p.checkPanels(t, now.In(time.FixedZone("", hours*3600)), 1.0/24, 1.0/24)
	}
}

// checkPanels asks the queries of all panels and variables as Grafana does for somebody in the time's zone, when so many days of
// the window and so many of the last seven have had events; the weeks before had them on all. Values may be one percent off:
// in a window that ends later Prometheus extrapolates beyond now.
func (p prometheus) checkPanels(t *testing.T, now time.Time, window, week float64) {
	t.Helper()
	wanted := expectedOfPanels(window, week)
	for name, q := range panelQueries(t, "a") {
		want, ok := wanted[name]
		if !ok {
			t.Errorf("%s: nothing is expected of it", name)
		}
		delete(wanted, name)
		got, before, err := p.shown(q, now)
		if err != nil {
			t.Errorf("%s: %s: %v", name, q.expr, err)
		} else if !got.near(want, 0.01) {
			t.Errorf("%s at %s: %s\nanswers %v,\nwant    %v", name, now, q.expr, got, want)
		}
		if !q.weekly() {
			continue
		}
		for at, point := range before {
			if at.Hour() != 0 || !point.near(want.times(7/week), 0.01) {
				t.Errorf("%s at %s: %s\nhas the point %v,\nwant    %v at midnight", name, at, q.expr, point, want.times(7/week))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		t.Errorf("%s is expected and not there", name)
	}
}

// check asks a query at a time. Values may be half a percent off, since Prometheus extrapolates to the ends of a window.
func (p prometheus) check(t *testing.T, name, query string, at time.Time, want answer) {
	t.Helper()
	p.checkWithin(t, name, query, at, want, 0.005)
}

// checkWithin asks a query at a time. Values may be off by a part of what is wanted; where that is NaN, any that isn't negative
// will do.
func (p prometheus) checkWithin(t *testing.T, name, query string, at time.Time, want answer, part float64) {
	t.Helper()
	results, err := p.ask(query, at)
	if err != nil {
		t.Errorf("%s: %s: %v", name, query, err)
		return
	}
	got := answer{}
	for _, r := range results {
		got[r.labels()] = r.Value.value
	}
	if !got.near(want, part) {
		t.Errorf("%s: %s\nanswers %v,\nwant    %v", name, query, got, want)
	}
}

// near says whether an answer is the one that is wanted, but for a part of each value.
func (a answer) near(want answer, part float64) bool {
	return maps.EqualFunc(a, want, func(a, b float64) bool {
		return math.IsNaN(b) && a >= 0 || math.Abs(a-b) <= part*math.Abs(b)
	})
}

// startPrometheusOver starts a Prometheus with the delivered rules over a folder of data. It scrapes nothing.
func startPrometheusOver(t *testing.T, data string) prometheus {
	t.Helper()
	return runPrometheus(t, withRules(t), data)
}

// withRules is the line of a configuration that has the delivered rules.
func withRules(t *testing.T) string {
	t.Helper()
	rules, err := filepath.Abs("../deploy/prometheus/rules/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	return "rule_files: [" + strconv.Quote(rules) + "]\n"
}

// rules are the expressions that Prometheus has loaded, by name. What refers to recorded ones has their expressions instead.
func (p prometheus) rules(t *testing.T) map[string]string {
	t.Helper()
	text, err := get(p.url + "/api/v1/rules")
	if err != nil {
		t.Fatal(err)
	}
	var loaded struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Query string }
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &loaded); err != nil {
		t.Fatal(err)
	}
	recorded := regexp.MustCompile(`[a-z_]+:[a-z0-9_]+:[a-z0-9_]+`)
	all := map[string]string{}
	for _, g := range loaded.Data.Groups {
		for _, r := range g.Rules { // in their order: each refers to those above it
			all[r.Name] = recorded.ReplaceAllStringFunc(r.Query, func(name string) string { return "(" + all[name] + ")" })
		}
	}
	if len(all) < 70 {
		t.Fatalf("Prometheus has %d rules: %s", len(all), text)
	}
	return all
}

// documentedQueries are those of the table in docs/grafana.md.
func documentedQueries(t *testing.T) (all []string) {
	t.Helper()
	for _, row := range markdown.Read(t, "docs/grafana.md").Rows("measure", "PromQL") {
		all = append(all, row.Name("PromQL"))
	}
	if len(all) != 5 {
		t.Errorf("docs/grafana.md has %d queries of the five measures", len(all))
	}
	return all
}
