package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
)

func TestLimitPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		limited := limitPages()
		slow, other := limited(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })), limited(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		get := func(h http.Handler) int {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
			return w.Code
		}
		for range maxPages {
			go get(slow)
		}
		synctest.Wait()
		if status := get(other); status != http.StatusServiceUnavailable {
			t.Errorf("one more: status %d, want 503", status)
		}
		close(release)
		synctest.Wait()
		if status := get(other); status != http.StatusOK {
			t.Errorf("afterwards: status %d, want 200", status)
		}
	})
}
