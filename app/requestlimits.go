package app

import "net/http"

const (
	// longestURI is in bytes; that of the explanation of a series has some hundred.
	maxURIBytes = 16 << 10
	// mostFields bounds the fields of a header.
	maxHeaderFields = 100
)

// limitRequests refuses requests whose header takes much memory, and tells connections what they wait for.
func limitRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case len(r.RequestURI) > maxURIBytes:
			refuseRequest(w, http.StatusRequestURITooLong)
			return
		case fieldCount(r.Header) > maxHeaderFields:
			refuseRequest(w, http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
			watched, end := c.beginRequest(r)
			defer end()
			r = watched
		}
		next.ServeHTTP(w, r)
	})
}

func refuseRequest(w http.ResponseWriter, status int) {
	w.Header().Set("Connection", "close")
	http.Error(w, http.StatusText(status), status)
}

func fieldCount(header http.Header) int {
	n := 0
	for _, values := range header {
		n += len(values)
	}
	return n
}
