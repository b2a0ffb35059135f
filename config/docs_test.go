package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/internal/markdown"
)

// parsed and variablesRead are all that the tests of docs/configuration.md use of the decoder.
func parsed(text string) (any, error) {
	c, _, err := Parse("config.yml", []byte(text), noEnvironment)
	return c, err
}

// variablesRead returns the names of all environment variables that the configuration reads.
func variablesRead(t *testing.T) []string {
	t.Helper()
	var names []string
	_, _, err := Parse("config.yml", nil, func(name string) string {
		names = append(names, name)
		return map[string]string{ // others are read only with these
			"OTEL_TRACES_SAMPLER": "traceidratio",
		}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestDocumentedKeys compares the tables of docs/configuration.md with the keys that the decoder knows, in both directions.
func TestDocumentedKeys(t *testing.T) {
	var documented []string
	for _, row := range markdown.Read(t, "docs/configuration.md").Rows("key", "default", "unit", "meaning") {
		documented = append(documented, row.Code("key")...)
		if row.Cell("default") == "" || row.Cell("unit") == "" || row.Cell("meaning") == "" {
			t.Errorf("%s has no default, unit or meaning", row.Cell("key"))
		}
	}
	slices.Sort(documented)
	known := knownKeys(nil)
	slices.Sort(known)
	if len(known) < 50 {
		t.Fatalf("only %d keys were found: %v", len(known), known)
	}
	if diff := cmp.Diff(known, documented); diff != "" {
		t.Errorf("-decoder +docs/configuration.md:\n%s", diff)
	}
}

// unknownKey matches the error about a key that the decoder does not know.
var unknownKey = regexp.MustCompile(`(?m)unknown key "no_such_key".*known keys: (.*)$`)

// knownKeys returns the keys below path that hold values, such as server.port and teams[].name. It asks the decoder what it
// knows instead of the key no_such_key.
func knownKeys(path []string) []string {
	_, err := parsed(nested(path, "{no_such_key: 1}"))
	var found []string
	if err != nil {
		found = unknownKey.FindStringSubmatch(err.Error())
	}
	if found == nil && err != nil && strings.Contains(err.Error(), "must be a list") {
		list := append(slices.Clone(path[:len(path)-1]), path[len(path)-1]+"[]")
		if items := knownKeys(list); !slices.Equal(items, []string{strings.Join(list, ".")}) {
			return items
		}
	}
	if found == nil {
		return []string{strings.Join(path, ".")}
	}
	var all []string
	for key := range strings.SplitSeq(found[1], ", ") {
		all = append(all, knownKeys(append(slices.Clone(path), key))...)
	}
	return all
}

// nested returns YAML with a value at a path. A key that ends in [] holds a list with the rest as its only item.
func nested(path []string, value string) string {
	for _, key := range slices.Backward(path) {
		if list, ok := strings.CutSuffix(key, "[]"); ok {
			key, value = list, "["+value+"]"
		}
		value = fmt.Sprintf("{%s: %s}", key, value)
	}
	return value
}

// TestDocumentedDefaults sets each key to its documented default and expects the configuration without the key.
func TestDocumentedDefaults(t *testing.T) {
	compared := 0
	for _, row := range markdown.Read(t, "docs/configuration.md").Rows("key", "default", "unit", "meaning") {
		key, values := row.Name("key"), row.Code("default")
		switch {
		case !strings.HasPrefix(row.Cell("default"), "`"), strings.Contains(key, "[]"):
			continue // none, or one that is derived
		case key == "otlp.endpoint": // it is kept with the key that sets it
			continue
		}
		value := values[0]
		if strings.HasPrefix(row.Cell("unit"), "list") {
			value = "['" + strings.Join(values, "', '") + "']"
		}
		base, with := "", nested(strings.Split(key, "."), value)
		if option, ok := strings.CutPrefix(key, "otlp."); ok && option != "enabled" && option != "traces" {
			base, with = "otlp: {enabled: true, traces: true}", fmt.Sprintf("otlp: {enabled: true, traces: true, %s: %s}", option, value)
		}
		want, err := parsed(base)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parsed(with)
		if err != nil {
			t.Errorf("%s: %v", with, err)
			continue
		}
		compared++
		if diff := cmp.Diff(want, got, sameExpression); diff != "" {
			t.Errorf("%s: -default +docs/configuration.md:\n%s", key, diff)
		}
	}
	if compared < 15 {
		t.Errorf("only %d defaults were compared", compared)
	}
}

// TestDocumentedVariables compares the tables of variables with those that the configuration reads, in both directions.
func TestDocumentedVariables(t *testing.T) {
	var documented []string
	for _, path := range []string{"docs/configuration.md", "docs/opentelemetry.md"} {
		for _, row := range markdown.Read(t, path).Rows("variable") {
			documented = append(documented, row.Code("variable")...)
		}
	}
	slices.Sort(documented)
	if diff := cmp.Diff(variablesRead(t), documented); diff != "" {
		t.Errorf("-program +documents:\n%s", diff)
	}
}
