package dora

import (
	"maps"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLabelValue(t *testing.T) {
	for name, test := range map[string]struct{ value, want string }{
		"plain":          {"production", "production"},
		"invalid UTF-8":  {"a\xffb", "a\uFFFDb"},
		"200 bytes":      {strings.Repeat("x", 200), strings.Repeat("x", 200)},
		"201 bytes":      {strings.Repeat("x", 201), strings.Repeat("x", 200)},
		"cut in a rune":  {strings.Repeat("x", 199) + "é", strings.Repeat("x", 199)},
		"newlines, NULs": {"a\n\x00\"\\", "a\n\x00\"\\"},
	} {
		t.Run(name, func(t *testing.T) {
			got := LabelValue(test.value)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if !utf8.ValidString(got) {
				t.Errorf("%q is not valid UTF-8", got)
			}
		})
	}
}

func TestLabelsKeyIsUnique(t *testing.T) {
	a := Labels{"a": `x",b="y`, "b": "z"}
	b := Labels{"a": "x", "b": `y",b="z`}
	if a.Key() == b.Key() {
		t.Errorf("%v and %v have the same key %s", a, b, a.Key())
	}
	if got, want := (Labels{"team": "A", "environment": "b\n"}).Key(), `environment="b\n",team="A"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseLabels(t *testing.T) {
	for name, labels := range map[string]Labels{
		"none":          {},
		"plain":         {"environment": "production", "team": "Platform"},
		"empty value":   {"repo": "", "team": "A"},
		"separators":    {"environment": `a",team="b`, "team": "x=y,z"},
		"escaped":       {"environment": "a\\b\n\"\t\x00", "team": "\u2028é世"},
		"invalid UTF-8": {"team": "a\xffb"},
	} {
		if got := ParseLabels(labels.Key()); !maps.Equal(got, labels) {
			t.Errorf("%s: got %q, want %q", name, got, labels)
		}
	}
}
