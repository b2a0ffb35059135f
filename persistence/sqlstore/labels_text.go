package sqlstore

import (
	"encoding/json"
	"slices"
	"strings"

	fastjson "github.com/go-json-experiment/json/v1"

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

// parseLabels returns the labels of a text, as json.Unmarshal does. It takes a quarter of the time unless something is escaped.
func parseLabels(text string) (labels dora.Labels, err error) {
	if labels = parsePlain(text); labels == nil {
		err = fastjson.Unmarshal([]byte(text), &labels)
	}
	return labels, err
}

// parsePlain returns the labels of a text in the form of labelsText, without anything escaped; nil for any other text.
func parsePlain(text string) dora.Labels {
	rest, isFirst := strings.CutPrefix(text, `{"`)
	rest, isLast := strings.CutSuffix(rest, `"}`)
	if !isFirst || !isLast {
		return nil
	}
	labels := make(dora.Labels, strings.Count(rest, `","`)+1)
	for label := range strings.SplitSeq(rest, `","`) {
		name, value, found := strings.Cut(label, `":"`)
		if !found || !isPlain(name) || !isPlain(value) {
			return nil
		}
		labels[name] = value
	}
	return labels
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
