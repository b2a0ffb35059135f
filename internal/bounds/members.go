package bounds

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Members returns the names and values of a valid JSON object in their order. Of any other document there are none. Values are parts
// of the document: unlike decoding it, this allocates no more than one name at a time.
func Members(document []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		rest := skipSpace(document)
		if len(rest) == 0 || rest[0] != '{' {
			return
		}
		for rest = skipSpace(rest[1:]); len(rest) > 0 && rest[0] == '"'; {
			end := min(endOfString(rest, 1)+1, len(rest))
			name := memberName(rest[:end])
			value := skipSpace(bytes.TrimPrefix(skipSpace(rest[end:]), []byte(":")))
			size := sizeOfValue(value)
			if !yield(name, value[:size]) {
				return
			}
			rest = skipSpace(bytes.TrimPrefix(skipSpace(value[size:]), []byte(",")))
		}
	}
}

// Elements returns the elements of a valid JSON list in their order, likewise.
func Elements(document []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		rest := skipSpace(document)
		if len(rest) == 0 || rest[0] != '[' {
			return
		}
		for rest = skipSpace(rest[1:]); len(rest) > 0 && rest[0] != ']'; {
			size := sizeOfValue(rest)
			if !yield(rest[:size]) || size == 0 {
				return
			}
			rest = skipSpace(bytes.TrimPrefix(skipSpace(rest[size:]), []byte(",")))
		}
	}
}

func skipSpace(document []byte) []byte { return bytes.TrimLeft(document, " \t\r\n") }

// memberName decodes a name with its quotes.
func memberName(quoted []byte) string {
	if !bytes.ContainsRune(quoted, '\\') {
		return string(bytes.Trim(quoted, `"`))
	}
	var name string
	_ = json.Unmarshal(quoted, &name)
	return name
}

// sizeOfValue returns the length of the JSON value that a text begins with.
func sizeOfValue(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = min(endOfString(text, i+1), len(text)-1)
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		default:
			if depth > 0 || !bytes.ContainsRune([]byte(", \t\r\n"), rune(text[i])) {
				continue
			}
			return i
		}
		switch {
		case depth < 0: // the end of what the value is in
			return i
		case depth == 0:
			return i + 1
		}
	}
	return len(text)
}
