package bounds

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStrings(t *testing.T) {
	for text, want := range map[string][]string{
		`"a"`: {`"a"`}, `17`: nil, `{}`: nil, ``: nil, `{"a":1,"b" : "c:\"d\"","e"` + "\n:[\"f\", \"\"]}": {`"c:\"d\""`, `"f"`, `""`},
		`["a","\\",":"]`: {`"a"`, `"\\"`, `":"`}, `{"a":{"b":"c"}}`: {`"c"`},
	} {
		var got []string
		for quoted := range Strings([]byte(text)) {
			got = append(got, string(quoted))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", text, diff)
		}
	}
}

// FuzzStrings compares the strings of a valid document with those of its tree.
func FuzzStrings(f *testing.F) {
	for _, text := range []string{`{"a":"b","c":["d",{"e":"f\\\""}]}`, `["\u0022:",":"]`, `"`, `{"a" :"b"}`, `[[["a"]]]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got []string
		for quoted := range Strings(data) {
			var text string
			if err := json.Unmarshal(quoted, &text); err != nil && json.Valid(data) {
				t.Fatalf("%q: %v", quoted, err)
			}
			got = append(got, text)
		}
		var tree any
		if json.Unmarshal(data, &tree) != nil {
			return
		}
		want := collect(tree)
		counts := map[string]int{} // members that are there twice are once in the tree
		for _, text := range got {
			counts[text]++
		}
		for _, text := range want {
			if counts[text]--; counts[text] < 0 {
				t.Errorf("%q has %q, got %q", data, text, got)
			}
		}
	})
}

func collect(v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, quoted := range v {
			all = append(all, collect(quoted)...)
		}
	case map[string]any:
		for _, quoted := range v {
			all = append(all, collect(quoted)...)
		}
	}
	return slices.Clip(all)
}
