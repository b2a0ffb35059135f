package integration

import (
	"encoding/json"
	"maps"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
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
	now := time.Now().Truncate(time.Minute)
	p := startPrometheusOver(t, history(t, now))

	wanted := expectedOfRules()
	for name, expr := range p.rules(t) {
		want, ok := wanted[name]
		if !ok {
			t.Errorf("%s: nothing is expected of it", name)
		}
		delete(wanted, name)
		p.check(t, name, expr, now, want)
	}
	maps.Copy(wanted, expectedOfPanels())
	for name, expr := range panelQueries(t, "a") {
		want, ok := wanted[name]
		if !ok {
			t.Errorf("%s: nothing is expected of it", name)
		}
		delete(wanted, name)
		p.check(t, name, expr, now, want)
		// As a trend: the same at the end.
		if _, err := get(p.url + "/api/v1/query_range?step=1d&start=" + strconv.FormatInt(now.Add(-28*24*time.Hour).Unix(), 10) +
			"&end=" + strconv.FormatInt(now.Unix(), 10) + "&query=" + url.QueryEscape(expr)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, expr := range documentedQueries(t) {
		p.check(t, "docs/grafana.md", expr, now, expectedOfDocuments(expr))
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
	text, err := os.ReadFile("../docs/grafana.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile("\\| `((?:sum|histogram_quantile)\\([^`]*)` \\|").FindAllStringSubmatch(string(text), -1) {
		all = append(all, found[1])
	}
	if len(all) != 5 {
		t.Errorf("docs/grafana.md has %d queries of the five measures", len(all))
	}
	return all
}

// panelQueries are the queries of the dashboards, as "dashboard: title/target", with their variables as Grafana fills them in for
// one instance of the exporter.
func panelQueries(t *testing.T, instance string) map[string]string {
	t.Helper()
	fill := strings.NewReplacer("$window", "28d", "$team", ".*", "$repository", ".*", "$environment", "(production)", "$instance", instance, "$__rate_interval", "5m")
	all := map[string]string{}
	for _, dashboard := range []string{"dora", "dora-exporter"} {
		data, err := os.ReadFile("../deploy/grafana/dashboards/" + dashboard + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Templating struct {
				List []struct{ Name, Type, Definition string }
			}
			Panels []struct {
				Title   string
				Targets []struct{ RefID, Expr string }
			}
		}
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatal(err)
		}
		values := regexp.MustCompile(`^label_values\((.*), ([a-z]+)\)$`)
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				all[dashboard+": $"+v.Name] = fill.Replace(values.ReplaceAllString(v.Definition, "group by ($2) ($1)"))
			}
		}
		for _, panel := range d.Panels {
			for _, target := range panel.Targets {
				name := dashboard + ": " + panel.Title + "/" + target.RefID
				if all[name] != "" {
					t.Errorf("%s stands there twice", name)
				}
				all[name] = fill.Replace(target.Expr)
			}
		}
	}
	return all
}
