package app

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"dora-exporter/page"
)

func TestServer(t *testing.T) {
	var log strings.Builder
	var trouble error
	var catalogProblem string
	e := endpoints{
		telemetryPath:  "/probe/metrics",
		catalogProblem: func() string { return catalogProblem },

		metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("metrics")) }),
		ready:   func() error { return trouble },
		page:    emptyPages(t, page.State{Trouble: "<script>alert(1)</script>", Unsigned: []string{"github"}, Since: time.Unix(0, 0)}),
	}
	engine := newEngine(append(e.pages(), e.health()...), func(r gin.IRouter) {
		r.POST("/api/github", func(*gin.Context) { panic("a bug") })
	}, NewLogger(&log, slog.LevelInfo, "logfmt"))
	do := func(method, path string) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		engine.ServeHTTP(answer, httptest.NewRequest(method, path, http.NoBody))
		return answer
	}
	for request, want := range map[string]int{
		"GET /": 200, "HEAD /": 200, "GET /explain/metric": 200, "HEAD /explain/metric": 200, "POST /explain/metric": 405,
		"GET /explain/incident/INC-7": 404, "HEAD /explain/incident/INC-7": 404, "PUT /explain/incident/INC-7": 405, "GET /explain/incident/": 404,
		"GET /explain/deployment/acme/web/1": 404, "DELETE /explain/deployment/acme/web/1": 405, "GET /explain/deployment/acme/web": 404,
		"GET /explain": 404, "GET /explain/": 404, "GET /explain/metric/": 404,
		"GET /metrics": 200, "GET /probe/metrics": 200, "HEAD /probe/metrics": 200, "POST /probe/metrics": 405, "GET /healthz": 200, "GET /readyz": 200, "GET /nope": 404, "POST /": 405,
		"POST /metrics": 405, "DELETE /healthz": 405, "PUT /readyz": 405, "GET /api/github": 405,
		"PUT /api/github": 405, "OPTIONS /api/github": 405, "TRACE /metrics": 405, "QUERY /metrics": 405, "CONNECT /api/github": 405,
		"POST /api/github/": 404, "POST /API/github": 404, "POST //api/github": 404, "GET /metrics/": 404, "GET /metrics/../healthz": 404,
		"GET /debug/pprof/": 404, "POST /api/github": 500,
	} {
		method, path, _ := strings.Cut(request, " ")
		answer := do(method, path)
		if answer.Code != want {
			t.Errorf("%s: status %d, want %d", request, answer.Code, want)
		}
		if allow := answer.Header().Get("Allow"); (allow != "") != (want == 405) {
			t.Errorf("%s: Allow is %q", request, allow)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "a bug") {
		t.Errorf("%d log lines about a panic:\n%s", n, log.String())
	}
	catalogProblem = "status 401: set catalog.token"
	if answer := do("GET", "/readyz"); answer.Code != 200 || answer.Body.String() != "ready\nbut the catalog does not answer: status 401: set catalog.token\n" {
		t.Errorf("/readyz: status %d: %s", answer.Code, answer.Body)
	}
	trouble = errors.New("the disk is full")
	if answer := do("GET", "/readyz"); answer.Code != 503 || !strings.Contains(answer.Body.String(), "the disk is full") {
		t.Errorf("/readyz: status %d: %s", answer.Code, answer.Body)
	}
	if answer := do("GET", "/healthz"); answer.Code != 200 {
		t.Errorf("/healthz: status %d", answer.Code)
	}
	text := do("GET", "/").Body.String()
	if strings.Contains(text, "<script>") || !strings.Contains(text, "&lt;script&gt;") || !strings.Contains(text, "github webhooks are accepted without a signature") {
		t.Errorf("the page is\n%s", text)
	}
}
