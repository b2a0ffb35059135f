package deploy

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/internal/markdown"
)

const (
	hour = 3600.0
	day  = 24 * hour
)

// limits are the values that reach elite, high and medium: the table of docs/dora.md, in the units of the
// dashboards, by panel or panel/column.
var limits = map[string][3]float64{
	"Deployment frequency": {1, 1.0 / 7, 1.0 / 30}, // a day

	"Lead time for changes":                 {1 * day, 7 * day, 30 * day},
	"Lead time percentiles":                 {1 * day, 7 * day, 30 * day},
	"Measures of each repository/Lead time": {1 * day, 7 * day, 30 * day},

	"Change failure rate":                             {0.05, 0.10, 0.15},
	"Change failure rate by team":                     {0.05, 0.10, 0.15},
	"Measures of each repository/Change failure rate": {0.05, 0.10, 0.15},

	"Failed deployment recovery time":      {1 * hour, 1 * day, 7 * day},
	"Recovery":                             {1 * hour, 1 * day, 7 * day},
	"Measures of each repository/Recovery": {1 * hour, 1 * day, 7 * day},
	"Time to resolve an incident":          {1 * hour, 1 * day, 7 * day},
}

// colours are those of elite, high, medium and low.
var colours = [4]string{"green", "yellow", "orange", "red"}

type steps []struct {
	Color string
	Value *float64
}

// of is the colour of a value: Grafana takes that of the last step that is not above it.
func (s steps) of(value float64) (colour string) {
	for _, step := range s {
		if step.Value == nil || value >= *step.Value {
			colour = step.Color
		}
	}
	return colour
}

// A value on a limit has the colour of the band that it reaches, also when PromQL's extrapolation moves it by a ten thousandth;
// one that is a thousandth beyond has the next. The document has the limits that are compared with here.
func TestBandColours(t *testing.T) {
	bands := map[string]string{}
	for _, row := range markdown.Read(t, "docs/dora.md").Rows("measure", "elite", "high", "medium") {
		bands[row.Cell("measure")] = row.Cell("elite") + ", " + row.Cell("high") + ", " + row.Cell("medium")
	}
	want := map[string]string{
		"deployment frequency": "1 a day, 1 a week, 1 in 30 days", "lead time for changes": "1 day, 7 days, 30 days",
		"change failure rate": "5 %, 10 %, 15 %", "failed deployment recovery time": "1 hour, 1 day, 7 days", "rework rate": ", , ",
	}
	if diff := cmp.Diff(want, bands); diff != "" {
		t.Errorf("-want +docs/dora.md:\n%s", diff)
	}
	found := map[string]bool{}
	for name, s := range coloured(t, "grafana/dashboards/dora.json") {
		limit, ok := limits[name]
		if !ok {
			t.Errorf("%s has colours of bands, and none are expected", name)
			continue
		}
		found[name] = true
		beyond := 0.001
		if limit[0] > limit[1] { // more is better
			beyond = -beyond
		}
		for band, at := range limit {
			for _, value := range []float64{at, at * (1 - 1e-4), at * (1 + 1e-4)} {
				if got := s.of(value); got != colours[band] {
					t.Errorf("%s: %g is on the limit %g and has the colour %s, want %s", name, value, at, got, colours[band])
				}
			}
			if got := s.of(at * (1 + beyond)); got != colours[band+1] {
				t.Errorf("%s: %g is beyond the limit %g and has the colour %s, want %s", name, at*(1+beyond), at, got, colours[band+1])
			}
		}
		if worst := s.of(limit[2] * math.Pow(1000, math.Copysign(1, beyond))); worst != "red" {
			t.Errorf("%s: what is low has the colour %s", name, worst)
		}
	}
	for name := range limits {
		if !found[name] {
			t.Errorf("%s has no colours of bands", name)
		}
	}
}

// coloured are the steps of all panels and columns that have a colour for each band.
func coloured(t *testing.T, path string) map[string]steps {
	t.Helper()
	var d struct {
		Panels []struct {
			Title       string
			FieldConfig struct {
				Defaults  struct{ Thresholds struct{ Steps steps } }
				Overrides []struct {
					Matcher    struct{ Options any }
					Properties []struct {
						ID    string
						Value json.RawMessage
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, path)), &d); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	all := map[string]steps{}
	add := func(name string, s steps) {
		if len(s) == len(colours) {
			if all[name] != nil {
				t.Errorf("%s has colours twice", name)
			}
			all[name] = s
		}
	}
	for _, p := range d.Panels {
		add(p.Title, p.FieldConfig.Defaults.Thresholds.Steps)
		for _, o := range p.FieldConfig.Overrides {
			for _, property := range o.Properties {
				var value struct{ Steps steps }
				if property.ID != "thresholds" {
					continue
				}
				if err := json.Unmarshal(property.Value, &value); err != nil {
					t.Errorf("%s: %v", p.Title, err)
				}
				column, _ := o.Matcher.Options.(string)
				add(p.Title+"/"+column, value.Steps)
			}
		}
	}
	return all
}
