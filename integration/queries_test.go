package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
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
	for name, expr := range panelQueries(t) {
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
	text, err := get(p.url + "/api/v1/query?time=" + strconv.FormatInt(at.Unix(), 10) + "&query=" + url.QueryEscape(query))
	if err != nil {
		t.Errorf("%s: %s: %v", name, query, err)
		return
	}
	var result struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		t.Fatal(err)
	}
	got := answer{}
	for _, r := range result.Data.Result {
		var labels []string
		for name, value := range r.Metric {
			if name != "__name__" {
				labels = append(labels, name+"="+value)
			}
		}
		sort.Strings(labels)
		got[strings.Join(labels, ",")], err = strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
	}
	same := maps.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) <= 0.005*math.Abs(b) })
	if !same {
		t.Errorf("%s: %s\nanswers %v,\nwant    %v", name, query, got, want)
	}
}

// startPrometheusOver starts a Prometheus with the delivered rules over a folder of data. It scrapes nothing.
func startPrometheusOver(t *testing.T, data string) prometheus {
	t.Helper()
	rules, err := filepath.Abs("../deploy/prometheus/rules/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	config, address := filepath.Join(t.TempDir(), "prometheus.yml"), freeAddress(t)
	if err := os.WriteFile(config, []byte("rule_files: ["+strconv.Quote(rules)+"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	process := exec.Command("prometheus", "--config.file="+config, "--storage.tsdb.path="+data, "--storage.tsdb.retention.time=1000d", "--web.listen-address="+address)
	process.Stdout, process.Stderr = &output, &output
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		if t.Failed() {
			said := output.String()
			t.Logf("Prometheus said:\n%s", said[max(0, len(said)-2000):])
		}
	})
	p := prometheus{url: "http://" + address}
	eventually(t, "Prometheus is ready", func() error { _, err := get(p.url + "/-/ready"); return err })
	return p
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

// panelQueries are the queries of the dashboards, as "dashboard: title/target", with their variables as Grafana fills them in.
func panelQueries(t *testing.T) map[string]string {
	t.Helper()
	fill := strings.NewReplacer("$window", "28d", "$team", ".*", "$repository", ".*", "$environment", "(production)", "$instance", "a", "$__rate_interval", "5m")
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
