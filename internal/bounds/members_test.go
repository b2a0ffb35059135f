package bounds

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMembers(t *testing.T) {
	for text, want := range map[string]map[string]string{
		`{}`: {}, ` { } `: {}, `[{"a":1}]`: {}, `"a"`: {}, ``: {}, `null`: {}, `17`: {},
		`{"a":1}`:                             {"a": "1"},
		"{ \"a\" :\n1 , \"b\"\t: \"\\\"}\" }": {"a": "1", "b": `"\"}"`},
		`{"a":{"b":[1,{"c":"]}"}]},"d":null}`: {"a": `{"b":[1,{"c":"]}"}]}`, "d": "null"},
		`{"a":1,"a":2}`:                       {"a": "2"},
		`{"\u0061":true}`:                     {"a": "true"},
		`{"a":-1.5e3 }`:                       {"a": "-1.5e3"},
	} {
		got := map[string]string{}
		for name, value := range Members([]byte(text)) {
			got[name] = string(value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", text, diff)
		}
	}
}

func TestElements(t *testing.T) {
	for text, want := range map[string][]string{
		`[]`: nil, `[ ]`: nil, `{"a":[1]}`: nil, `1`: nil, ``: nil, `[1]`: {"1"},
		" [ 1 , \"a,]\" ,[2,[3]],{\"b\":[4]} ]": {"1", `"a,]"`, "[2,[3]]", `{"b":[4]}`},
	} {
		var got []string
		for value := range Elements([]byte(text)) {
			got = append(got, string(value))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", text, diff)
		}
	}
}

// FuzzMembers compares the members of a valid object, and the elements of a valid list, with what encoding/json decodes.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{`{"a":"b","c":["d",{"e":"f\\\""}]}`, `{"a" : 1 , "\n":{}}`, `[1,"]",{"a":[]}]`, `{"":0,"":1}`, `{`, `["a`, `{"a"`, `{"a":`, `[[[]]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		members, elements := map[string]json.RawMessage{}, []json.RawMessage{}
		for name, value := range Members(data) {
			members[name] = value
		}
		for value := range Elements(data) {
			elements = append(elements, value)
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) == nil && object != nil {
			compareJSON(t, object, members)
		}
		var list []json.RawMessage
		if json.Unmarshal(data, &list) == nil && list != nil {
			compareJSON(t, list, elements)
		}
	})
}

// compareJSON compares two values as JSON, without regard to blanks.
func compareJSON(t *testing.T, want, got any) {
	t.Helper()
	wanted, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(wanted), string(text)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
