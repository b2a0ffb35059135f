package app

import (
	"net/http"
	"time"
)

const (
	// maxPages bounds the pages that are being made or sent.
	maxPages = 64
	// pageTimeout bounds how long a page may take, including the time its client reads.
	pageTimeout = 30 * time.Second
)

// limitPages returns a function that bounds the concurrent requests to all handlers it wraps: each request holds its page in memory until it is sent.
func limitPages() func(http.Handler) http.Handler {
	slots := make(chan struct{}, maxPages)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			default:
				w.Header().Set("Retry-After", "10")
				http.Error(w, "too many concurrent requests for pages", http.StatusServiceUnavailable)
				return
			}
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(pageTimeout))
			next.ServeHTTP(w, r)
		})
	}
}
