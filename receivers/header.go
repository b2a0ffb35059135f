package receivers

import (
	"net/http"
	"strings"
)

// maxHeader limits the value of a header that is read, in bytes.
const maxHeader = 1 << 10

// pruneHeader removes unused fields from a request's header and truncates the others: a header may be large and stays in memory as
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
