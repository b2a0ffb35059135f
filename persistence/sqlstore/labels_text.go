package sqlstore

import (
	"encoding/json"
	"slices"

	"dora-exporter/dora"
)

// labelsText returns labels as JSON, sorted by name, as json.Marshal does. It takes a quarter of the time unless there is something to
// escape.
func labelsText(l dora.Labels) (string, error) {
	names := make([]string, 0, len(l))
	for name, value := range l {
		if !isPlain(name) || !isPlain(value) {
			text, err := json.Marshal(l)
			return string(text), err
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		text, err := json.Marshal(l) // null or {}
		return string(text), err
	}
	slices.Sort(names)
	text := make([]byte, 0, 128)
	for i, name := range names {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		text = append(text, separator, '"')
		text = append(text, name...)
		text = append(text, `":"`...)
		text = append(text, l[name]...)
		text = append(text, '"')
	}
	return string(append(text, '}')), nil
}

// isPlain reports whether JSON has a text as it is.
func isPlain(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
