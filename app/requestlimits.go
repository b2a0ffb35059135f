package app

import "net/http"

const (
	// maxURIBytes bounds the request URI. The URI of a series' explanation has some hundred bytes.
	maxURIBytes = 16 << 10
	// maxHeaderFields bounds the fields of a header.
	maxHeaderFields = 100
)

// limitRequests rejects requests whose header takes much memory, and tells the connection which requests it serves.
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
			tracked, end := c.beginRequest(r)
			defer end()
			r = tracked
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
