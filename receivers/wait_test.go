package receivers

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"dora-exporter/dora"
)

// stalledInbox stores nothing until its caller gives up.
type stalledInbox struct{}

func (stalledInbox) Accept(ctx context.Context, _ dora.Delivery) (bool, error) {
	<-ctx.Done()
	return false, ctx.Err()
}

// A sender has its 503 after 5 s at most, measured at its end: a second of that is left for the network and a busy machine.
func TestStalledStoreIsAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := time.Now()
		answer := postStatus(t.Context(), stalledInbox{})
		if answer.Code != http.StatusServiceUnavailable || time.Since(sent) > 4*time.Second {
			t.Errorf("answer %d after %s, want 503 after 4 s at most", answer.Code, time.Since(sent))
		}
	})
}

// livelyInbox has the error of the context with which it was called.
type livelyInbox struct{ err error }

func (i *livelyInbox) Accept(ctx context.Context, _ dora.Delivery) (bool, error) {
	i.err = ctx.Err()
	return false, nil
}

// The context of a request ends when its sender closes the sending side, as it may while it waits for the answer.
func TestHalfClosedRequestsAreStored(t *testing.T) {
	ctx, closeSide := context.WithCancel(t.Context())
	closeSide()
	inbox := &livelyInbox{}
	if answer := postStatus(ctx, inbox); answer.Code != http.StatusAccepted || inbox.err != nil {
		t.Errorf("answer %d, the store was called with a context that has ended: %v", answer.Code, inbox.err)
	}
}

// postStatus sends an unsigned status to receivers that store it in an inbox.
func postStatus(ctx context.Context, inbox Inbox) *httptest.ResponseRecorder {
	router := gin.New()
	New(Options{
		Inbox: inbox, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Observe: func(string, string, string) {},
	}).Register(router)
	body := `{"action":"created","deployment_status":{"id":1,"state":"success","created_at":"2026-01-15T12:00:00Z"},
		"deployment":{"id":1,"sha":"7fd1a60b01f91b314f59955a4e4d4e80d8edf11d","environment":"production","created_at":"2026-01-15T11:58:00Z"},
		"repository":{"name":"web","owner":{"login":"acme"},"url":"https://api.github.com/repos/acme/web"}}`
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/github", strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-GitHub-Event", "deployment_status")
	answer := httptest.NewRecorder()
	router.ServeHTTP(answer, request)
	return answer
}
