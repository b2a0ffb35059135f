package app

import (
	"net/http"
	"time"
)

const (
	// mostPages bounds the pages that are being made or read.
	maxPages = 64
	// pageMayTake bounds how long a page may take, with its client's reading.
	pageTimeout = 30 * time.Second
)

// limitPages returns a function that bounds how many requests handlers answer together: each holds its page until it is read.
func limitPages() func(http.Handler) http.Handler {
	turns := make(chan struct{}, maxPages)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case turns <- struct{}{}:
				defer func() { <-turns }()
			default:
				w.Header().Set("Retry-After", "10")
				http.Error(w, "too many pages are asked for at once", http.StatusServiceUnavailable)
				return
			}
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(pageTimeout))
			next.ServeHTTP(w, r)
		})
	}
}
