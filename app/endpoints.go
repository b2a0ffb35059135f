package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"dora-exporter/dora"
	"dora-exporter/internal/lazyregexp"
	"dora-exporter/page"
)

// endpoints has the handlers of the server except the webhooks.
type endpoints struct {
	metrics http.Handler
	// telemetryPath is a second path of the metrics; empty if there is none.
	telemetryPath string
	// page has the pages for people; nil if they are off.
	page *page.Pages
	// ready returns why the program can't work; nil if it can.
	ready func() error
	// catalogProblem returns what has to be changed in the configuration of the catalog; empty if nothing is known.
	catalogProblem func() string
}

// IsTelemetryPath reports whether text can be a second path of the metrics: it is none that the pages, the webhooks or supervisors have.
func IsTelemetryPath(text string) bool {
	return telemetryPath.MatchString(text) && !takenPath.MatchString(text)
}

var (
	telemetryPath = lazyregexp.New(`^(/[A-Za-z0-9_.-]+)+$`)
	takenPath     = lazyregexp.New(`^/(api|explain|healthz|readyz)(/|$)`)
)

// endpoint is a path with its handler.
type endpoint struct {
	path    string
	handler http.Handler
}

// pages returns the endpoints for people and Prometheus.
func (e endpoints) pages() []endpoint {
	all := []endpoint{{"/metrics", e.metrics}}
	if e.telemetryPath != "" && e.telemetryPath != "/metrics" {
		all = append(all, endpoint{e.telemetryPath, e.metrics})
	}
	if e.page == nil {
		return all
	}
	limited := limitPages()
	for path, handler := range e.page.Handlers() {
		all = append(all, endpoint{path, limited(handler)})
	}
	return all
}

// health returns the endpoints for supervisors.
func (e endpoints) health() []endpoint {
	return []endpoint{{"/healthz", http.HandlerFunc(healthz)}, {"/readyz", readyz(e.ready, e.catalogProblem)}}
}

// newEngine mounts endpoints and, unless nil, the webhooks. Methods that are not documented get 405. Paths are not
// redirected: a sender that does not follow would take the redirect for an answer.
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

// healthz answers 200 while the process runs.
func healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprintln(w, "ok")
}

// readyz answers 200 while the program can work: values are restored, store and checkpoint writable. A problem of the catalog is only
// reported: events wait for their teams in the store.
func readyz(ready func() error, catalogProblem func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ready")
		if problem := catalogProblem(); problem != "" {
			_, _ = fmt.Fprintln(w, "but the catalog does not answer:", problem)
		}
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
