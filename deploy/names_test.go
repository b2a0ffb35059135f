package deploy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"dora-exporter/internal/markdown"
)

// query is PromQL, and where it stands.
type query struct{ where, expr string }

var (
	word     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	quoted   = regexp.MustCompile(`"[^"]*"`)
	selected = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}`)
	label    = regexp.MustCompile(`([a-z_]+) *(?:=~|!~|!=|=)`)
	grouped  = regexp.MustCompile(`(?:by|on|without|ignoring|group_left|group_right) *\(([^)]*)\)`)
	// served elsewhere than in docs/metrics.md: by Prometheus itself, and by every Go program.
	others = regexp.MustCompile(`^(up|ALERTS|(process|go)_[a-z_]+)$`)
	family = regexp.MustCompile(`^(dora|github|jira)_`)
	// raw is a link with a value that is not encoded.
	raw = regexp.MustCompile(`"url": ".*\$\{__data\.fields\.\w+\}`)
)

// Every metric and label in rules, alerts, tests and dashboards is in docs/metrics.md, which a test compares with the program.
func TestNamesAreServed(t *testing.T) {
	labels := documented(t)
	queries := append(rules(t), dashboards(t)...)
	if len(queries) < 130 {
		t.Fatalf("only %d queries were found", len(queries))
	}
	for _, q := range queries {
		expr := quoted.ReplaceAllString(q.expr, `""`)
		for _, found := range grouped.FindAllStringSubmatch(expr, -1) {
			for _, name := range strings.FieldsFunc(found[1], func(r rune) bool { return r == ',' || r == ' ' }) {
				if !slices.Contains(labels[""], name) {
					t.Errorf("%s: no family has the label %s", q.where, name)
				}
			}
		}
		for _, found := range selected.FindAllStringSubmatch(expr, -1) {
			for _, name := range label.FindAllStringSubmatch(found[2], -1) {
				if of, ok := labels[found[1]]; ok && !slices.Contains(of, name[1]) {
					t.Errorf("%s: %s has no label %s", q.where, found[1], name[1])
				}
			}
		}
		for _, name := range word.FindAllString(grouped.ReplaceAllString(selected.ReplaceAllString(expr, "$1"), ""), -1) {
			if _, ok := labels[name]; !ok && (family.MatchString(name) || strings.Contains(name, ":")) && !others.MatchString(name) {
				t.Errorf("%s: there is no %s", q.where, name)
			}
		}
	}
}

// documented are the labels of each series that Prometheus has: of the documented families, histograms with their suffixes, and
// of what is recorded. All labels are under "".
func documented(t *testing.T) map[string][]string {
	t.Helper()
	labels := map[string][]string{
		"":   {"job", "instance", "le", "alertname"},
		"up": {"job", "instance"},
	}
	for _, row := range markdown.Read(t, "docs/metrics.md").Rows("Prometheus", "type", "labels") {
		name := row.Name("Prometheus")
		of := append(strings.Split(row.Cell("labels"), ", "), "job", "instance")
		labels[name] = of
		labels[""] = append(labels[""], of...)
		if row.Cell("type") == "histogram" {
			delete(labels, name)
			labels[name+"_sum"], labels[name+"_count"], labels[name+"_bucket"] = of, of, append(of, "le")
		}
	}
	for _, q := range rules(t) {
		name := filepath.Base(q.where)
		if level, _, recorded := strings.Cut(name, ":"); recorded {
			labels[name] = strings.Split(level, "_")
		}
	}
	return labels
}

func rules(t *testing.T) (all []query) {
	t.Helper()
	for _, path := range files(t, "prometheus/rules/*.yml") {
		var file struct {
			Groups []struct {
				Rules []struct{ Record, Alert, Expr string }
			}
		}
		if err := yaml.Unmarshal([]byte(read(t, path)), &file); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				all = append(all, query{path + "/" + r.Record + r.Alert, r.Expr})
			}
		}
	}
	return all
}

func dashboards(t *testing.T) (all []query) {
	t.Helper()
	asked := regexp.MustCompile(`^label_values\((.*), ([a-z]+)\)$`)
	for _, path := range files(t, "grafana/dashboards/*.json") {
		var d struct {
			Templating struct {
				List []struct{ Name, Type, Definition string }
			}
			Panels []panel
		}
		if err := json.Unmarshal([]byte(read(t, path)), &d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			found := asked.FindStringSubmatch(v.Definition)
			if found == nil {
				t.Errorf("%s: the variable %s asks for %s", path, v.Name, v.Definition)
				continue
			}
			all = append(all, query{path + "/" + v.Name, "max by (" + found[2] + ") (" + found[1] + ")"})
		}
		if found := raw.FindString(read(t, path)); found != "" {
			t.Errorf("%s: a name with & breaks the link that has %s", path, found)
		}
		ids := map[int]bool{}
		for _, p := range d.Panels {
			where := path + "/" + p.Title
			if ids[p.ID] {
				t.Errorf("%s: the id %d is taken", where, p.ID)
			}
			ids[p.ID] = true
			if p.Type != "row" {
				p.complete(t, where)
			}
			for _, target := range p.Targets {
				all = append(all, query{where, target.Expr})
				if p.Type == "stat" && !target.Instant {
					t.Errorf("%s: the end of a range is rounded down, so that it would not be as of now", where)
				}
			}
		}
	}
	return all
}

type target struct {
	Expr    string
	Instant bool
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Targets                  []target
	GridPos                  struct{ X, W int }
	Datasource               struct{ UID string }
	FieldConfig              struct {
		Defaults struct {
			Unit       string
			NoValue    string
			Thresholds struct{ Steps []struct{ Color string } }
		}
	}
}

// complete checks that a panel has what a reader needs: a unit, what it shows, thresholds, and what no data means.
func (p panel) complete(t *testing.T, where string) {
	t.Helper()
	d := p.FieldConfig.Defaults
	if p.Title == "" || p.Description == "" || d.Unit == "" || d.NoValue == "" || len(d.Thresholds.Steps) == 0 || len(p.Targets) == 0 {
		t.Errorf("%s: title, description, unit, text for no data, thresholds or query is missing", where)
	}
	if p.Datasource.UID != "${datasource}" || p.GridPos.X+p.GridPos.W > 24 {
		t.Errorf("%s: another data source, or out of the grid", where)
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(all), err)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
