package bounds

import (
	"bytes"
	"iter"
)

// Strings returns the strings of a valid JSON document in their order, still quoted and escaped, without the names of members.
// Unlike decoding the document, it allocates nothing.
func Strings(document []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := document; ; {
			begin := bytes.IndexByte(rest, '"')
			if begin < 0 {
				return
			}
			end := min(endOfString(rest, begin+1)+1, len(rest))
			quoted := rest[begin:end]
			rest = rest[end:]
			if next := bytes.TrimLeft(rest, " \t\r\n"); len(next) > 0 && next[0] == ':' {
				continue
			}
			if !yield(quoted) {
				return
			}
		}
	}
}
