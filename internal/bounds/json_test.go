package bounds

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	limits := JSON{Depth: 4, List: 5, Elements: 8, Members: 6}
	for name, test := range map[string]struct {
		text, exceeds string
		elements      int
	}{
		"empty":                        {"", "", 0},
		"scalar":                       {"17", "", 0},
		"empty list":                   {"[]", "", 1},
		"list at the limit":            {"[1,2,3,4,5]", "", 5},
		"list above the limit":         {"[1,2,3,4,5,6]", "more than 5 elements in one list", 0},
		"lists at the limit":           {"[[1,2,3],[4,5,6]]", "", 8},
		"lists above the limit":        {"[[1,2,3],[4,5,6,7]]", "more than 8 list elements", 0},
		"empty lists above the limit":  {`{"a":[[],[],[],[]],"b":[[],[]]}`, "more than 8 list elements", 0},
		"members at the limit":         {`{"a":{"b":1,"c":2},"d":3,"e":4,"f":5}`, "", 0},
		"members above the limit":      {`{"a":{"b":1,"c":2},"d":3,"e":4,"f":5,"g":6}`, "more than 6 object members", 0},
		"empty objects":                {`[{},{},{},{},{}]`, "", 5},
		"empty objects above":          {`{"a":{},"b":{},"c":{},"d":{}}`, "more than 6 object members", 0},
		"nested at the limit":          {`[[[{}]]]`, "", 3},
		"nested above the limit":       {`[[[{"a":[]}]]]`, "more than 4 levels of nesting", 0},
		"objects above the limit":      {`{"a":{"a":{"a":{"a":{`, "more than 4 levels of nesting", 0},
		"structure in a string":        {`["[[[[[[,,,,,,,,,,,{{{{{{{{\"[[[[[[[\\",1]`, "", 2},
		"string that ends in escapes":  {`["\\\\",2,3,4,5,6]`, "more than 5 elements in one list", 0},
		"key with structure":           {`{"[[[[[[,,,,,,":1}`, "", 0},
		"string without end":           {`["a`, "", 1},
		"string that ends in a escape": {`["a\`, "", 1},
		"too many ends":                {`]]]]]]`, "", 0},
		"comma at the top":             {`1,2,3,4,5,6,7,8,9,10`, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			elements, err := limits.Check([]byte(test.text))
			if test.exceeds == "" {
				if err != nil || elements != test.elements {
					t.Errorf("%d elements, %v; want %d", elements, err, test.elements)
				}
				return
			}
			if exceeded := new(LimitError); !errors.As(err, &exceeded) || !strings.Contains(err.Error(), test.exceeds) {
				t.Errorf("error %v, want %s", err, test.exceeds)
			}
		})
	}
}

// FuzzUnmarshal compares the limits with the decoded document: what is accepted is valid and within them, and what is valid
// and within them is accepted.
func FuzzUnmarshal(f *testing.F) {
	for _, text := range []string{
		`[0,0,0,0,0,0]`, `[[[[[[`, `{"a":{"a":{"a":{"a":1}}}}`, `["\\\"",",[{"]`, `"\`, `{"a":[],"b":{}}`, `]`, `1,2`, `[1,2`, ` [ 1 , 2 ] `,
		`{"a":1,"a":2,"a":3,"a":4,"a":5,"a":6,"a":7}`, `[[],[],[],[],[[]]]`, "null", `["a":1]`, `{"a",1}`,
	} {
		f.Add([]byte(text))
	}
	limits := JSON{Depth: 4, List: 5, Elements: 8, Members: 6}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got any
		_, err := limits.Check(data)
		if err == nil {
			err = json.Unmarshal(data, &got)
		}
		if err == nil && !json.Valid(data) {
			t.Fatalf("accepted, and not valid: %q", data)
		}
		var exceeded *LimitError
		if !json.Valid(data) {
			return
		}
		var want any
		if json.Unmarshal(data, &want) != nil {
			return // a number that is too large
		}
		var valid measured
		valid.measure(json.RawMessage(data), 1)
		within := valid.depth <= limits.Depth && valid.list <= limits.List && valid.elements <= limits.Elements && valid.members <= limits.Members
		if within == errors.As(err, &exceeded) {
			t.Errorf("%q has %+v: error %v", data, valid, err)
		}
	})
}

// measured is the structure of a valid document.
type measured struct{ depth, list, elements, members int }

// measure reads a document with encoding/json. An empty list or object counts as one with one element or member.
func (m *measured) measure(data json.RawMessage, depth int) {
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	first, err := decoder.Token()
	if delim, ok := first.(json.Delim); err != nil || !ok || delim != '[' && delim != '{' {
		return
	}
	m.depth = max(m.depth, depth)
	n := 0
	for ; decoder.More(); n++ {
		if first == json.Delim('{') {
			if _, err := decoder.Token(); err != nil {
				return
			}
		}
		var inner json.RawMessage
		if decoder.Decode(&inner) != nil {
			return
		}
		m.measure(inner, depth+1)
	}
	if n = max(n, 1); first == json.Delim('{') {
		m.members += n
		return
	}
	m.elements += n
	m.list = max(m.list, n)
}
