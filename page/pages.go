package page

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"log/slog"
	"net/http"
	"time"

	g "maragu.dev/gomponents"

	"dora-exporter/dora"
)

var (
	//go:embed page.css
	pageCSS string

	// contentPolicy allows a page its own style, an empty icon and a form, and nothing else: no script, and nothing from
	// elsewhere.
	contentPolicy = "default-src 'none'; style-src 'sha256-" + styleHash(pageCSS) + "'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

func styleHash(css string) string {
	sum := sha256.Sum256([]byte(css))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Options are the parts that the pages show.
type Options struct {
	// Snapshot calls read with a Reader for which nothing changes meanwhile.
	Snapshot func(ctx context.Context, read func(Reader) error) error
	Explain  Explainer
	Measures func(ctx context.Context) (Measures, error)
	// State returns the state of the program.
	State    func() State
	Requests *Requests
	Logger   *slog.Logger
}

// Pages serves the pages.
type Pages struct {
	options Options

	backlog      *cache[backlog]
	measures     *cache[Measures]
	environments *cache[environments]
	deliveries   *cache[[]delivery]
	// explaining is held while an explanation is made.
	explaining slot
	// failures reports explanations that failed, which anybody may ask for at any rate.
	failures *dora.Summary[struct{}, error]
}

// New returns the pages.
func New(o Options) *Pages {
	p := &Pages{options: o, explaining: newSlot()}
	p.failures = dora.NewSummary(time.Second, func(_ struct{}, n int, newest error) {
		o.Logger.Warn("explaining failed", "requests", n, "error", newest)
	})
	p.backlog = newCache(time.Second, logErrors(o.Logger, "backlog", p.readBacklog))
	p.measures = newCache(5*time.Second, logErrors(o.Logger, "measures", o.Measures))
	p.environments = newCache(5*time.Second, logErrors(o.Logger, "environments", p.readEnvironments))
	p.deliveries = newCache(time.Second, logErrors(o.Logger, "deliveries", p.readDeliveries))
	return p
}

// Handlers returns the handlers by their paths, in the patterns of Gin. They answer GET and HEAD.
func (p *Pages) Handlers() map[string]http.Handler {
	return map[string]http.Handler{
		"/":                         http.HandlerFunc(p.home),
		"/explain/deployment/*name": http.HandlerFunc(p.explainDeployment),
		"/explain/incident/*name":   http.HandlerFunc(p.explainIncident),
		"/explain/metric":           http.HandlerFunc(p.explainMetric),
	}
}

// logErrors returns read with its errors logged.
func logErrors[T any](logger *slog.Logger, part string, read func(context.Context) (T, error)) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) {
		value, err := read(ctx)
		if err != nil {
			logger.Warn("reading a part of the page failed", "part", part, "error", err)
		}
		return value, err
	}
}

// readFailed is shown when something can't be read, without details about the machine: these are in the log.
const readFailed = "reading the database failed; the log has the error"

// write answers with a page.
func (p *Pages) write(w http.ResponseWriter, status int, page g.Node) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = page.Render(w) // an error means that the client is gone
}
