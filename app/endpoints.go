package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"dora-exporter/dora"
	"dora-exporter/page"
)

// endpoints are what can be read from the server.
type endpoints struct {
	metrics http.Handler
	// people are the pages for people; nil without them.
	page *page.Pages
	// ready returns why the program can't do its work, nil when it can.
	ready func() error
}

// endpoint is a path that can be read.
type endpoint struct {
	path    string
	handler http.Handler
}

// pages are for people and Prometheus.
func (e endpoints) pages() []endpoint {
	all := []endpoint{{"/metrics", e.metrics}}
	if e.page == nil {
		return all
	}
	limited := limitPages()
	for path, handler := range e.page.Handlers() {
		all = append(all, endpoint{path, limited(handler)})
	}
	return all
}

// health is for whoever supervises the process.
func (e endpoints) health() []endpoint {
	return []endpoint{{"/healthz", http.HandlerFunc(healthz)}, {"/readyz", readyz(e.ready)}}
}

// newEngine mounts endpoints and, unless nil, the webhooks. Methods that are not documented get 405. No path is redirected:
// a sender that does not follow would take it for an answer.
func newEngine(all []endpoint, webhooks func(gin.IRouter), logger *slog.Logger) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.ForwardedByClientIP = false // no proxy is trusted
	engine.Use(recovery(logger))
	if webhooks != nil {
		webhooks(engine)
	}
	for _, e := range all {
		engine.GET(e.path, gin.WrapH(e.handler))
		engine.HEAD(e.path, gin.WrapH(e.handler))
	}
	return engine
}

// healthz says that the process answers.
func healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprintln(w, "ok")
}

// readyz says whether the program can do its work: values restored, store and checkpoint writable.
func readyz(ready func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ready")
	}
}

// recovery answers 500 when a handler panics and logs where, in one line.
func recovery(logger *slog.Logger) gin.HandlerFunc {
	type panicked struct {
		path, stack string
		cause       any
	}
	summary := dora.NewSummary(summaryInterval, func(_ struct{}, n int, p panicked) {
		logger.Error("a handler panicked", "path", p.path, "error", p.cause, "stack", p.stack, "requests", n)
	})
	return gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, cause any) {
		summary.Add(struct{}{}, panicked{c.Request.URL.Path, string(debug.Stack()), cause})
		c.AbortWithStatus(http.StatusInternalServerError)
	})
}
