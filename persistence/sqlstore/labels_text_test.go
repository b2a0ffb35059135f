package sqlstore

import (
	"encoding/json"
	"testing"

	"dora-exporter/dora"
)

// Labels as they are stored are compared as text.
func TestLabelsTextIsJSON(t *testing.T) {
	for name, labels := range map[string]dora.Labels{
		"nil":     nil,
		"none":    {},
		"one":     {"team": "a"},
		"sorted":  {"team": "Team A", "environment": "production", "repo": "service-01", "owner": "acme"},
		"empty":   {"team": "", "a": "b"},
		"quotes":  {"team": `say "hi" \ bye`},
		"html":    {"team": "R&D <all>"},
		"umlaut":  {"team": "Köln", "repo": "a"},
		"invalid": {"team": "a\xff"},
		"control": {"team": "a\tb\x7f"},
		"line":    {"team": "a\u2028b"},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := json.Marshal(labels)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := labelsText(labels); err != nil || got != string(want) {
				t.Errorf("labelsText = %s, %v, want %s", got, err, want)
			}
		})
	}
}
