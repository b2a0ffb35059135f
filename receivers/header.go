package receivers

import (
	"net/http"
	"strings"
)

// longestHeader bounds, in bytes, a header that is read later.
const maxHeader = 1 << 10

// pruneHeader removes what nobody reads from a request's header, and cuts the rest: a header may be large and is in memory as
// long as the body is read.
func pruneHeader(header http.Header, s source) {
	values := map[string]string{}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Expect", "Connection", "X-Github-Event", s.signature, s.delivery} {
		if value := header.Get(name); value != "" {
			values[name] = strings.Clone(value[:min(len(value), maxHeader)])
		}
	}
	clear(header)
	for name, value := range values {
		header.Set(name, value)
	}
}
