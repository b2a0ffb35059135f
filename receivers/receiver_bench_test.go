package receivers

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"dora-exporter/dora"
)

type nowhere struct{}

func (nowhere) Accept(context.Context, dora.Delivery) (bool, error) { return false, nil }

// BenchmarkReceive is the way of a webhook but for the network and the disk.
func BenchmarkReceive(b *testing.B) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	New(Options{
		Inbox: nowhere{}, GitHub: oneAccount("secret"), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Observe: func(string, string, string) {},
	}).Register(engine)
	body := `{"action":"created","deployment_status":{"id":1,"state":"success","created_at":"2026-01-01T00:00:00Z"},
		"deployment":{"id":1,"sha":"c0ffee","environment":"production","created_at":"2026-01-01T00:00:00Z"},
		"repository":{"name":"web","full_name":"acme/web","owner":{"login":"acme"},"url":"https://api.github.com/repos/acme/web"}}`
	signature := sign("secret", body)
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/api/github", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-GitHub-Event", "deployment_status")
		r.Header.Set("X-Hub-Signature-256", signature)
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, r)
		if w.Code != http.StatusAccepted {
			b.Fatal(w.Code, w.Body)
		}
	}
}
