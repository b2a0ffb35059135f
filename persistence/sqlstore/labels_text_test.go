package sqlstore

import (
	"encoding/json"
	"maps"
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

// FuzzParseLabels compares with encoding/json, for any text.
func FuzzParseLabels(f *testing.F) {
	for _, text := range []string{
		"", "null", "{}", `{"a":"b"}`, `{"a":"b","c":"d"}`, `{"a":"b","a":"d"}`, `{"a":"","":"b"}`, `{"a":"b"`, `{"a":"b"}}`, `{"a":"b",}`, `{"a":"b","}`, `{"a":"b"c"}`,
		`{"a":1}`, `{"a":"\u00e4"}`, `{"a":"ä"}`, `{"a":"\""}`, "{\"a\":\"\xff\"}", `{"a":"<&>"}`, ` {"a":"b"}`, `{"a": "b"}`, `{"a":"b":"c"}`, `{"}`, `{""}`, `{"":""}`, `{"a":"b","c"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want dora.Labels
		wantErr := json.Unmarshal([]byte(text), &want)
		got, err := parseLabels(text)
		if (err != nil) != (wantErr != nil) || err == nil && !maps.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v, %v", text, got, err, want, wantErr)
		}
	})
}
