package page

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

// An explanation waits for its turn no longer than the request does.
func TestExplanationsQueue(t *testing.T) {
	p := New(Options{})
	if err := p.explaining.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	answer := httptest.NewRecorder()
	p.explainMetric(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, "/explain/metric?series=dora_changes_total", http.NoBody))
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("status %d", answer.Code)
	}
}
