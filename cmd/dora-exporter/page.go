package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"dora-exporter/dora/rules"
	"dora-exporter/persistence"
)

var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string

	pageTemplates = template.Must(template.New("").Funcs(template.FuncMap{
		"css": func() template.CSS { return template.CSS(pageCSS) }, //nolint:gosec // our own
		// visible is for what comes from outside: a name that turns the direction of writing would turn what follows it.
		"visible": visible,
		// parts are those of a series between which a line may end.
		"parts": func(series string) []string { return strings.SplitAfter(series, ",") },
	}).Parse(pageHTML))

	// contentPolicy lets a page have its own style, an empty icon and a form, and nothing else: no script, and nothing from
	// elsewhere.
	contentPolicy = "default-src 'none'; style-src 'sha256-" + styleHash(pageCSS) + "'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

func styleHash(css string) string {
	sum := sha256.Sum256([]byte(css))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// pageState is what the page at / shows beside what it reads.
type pageState struct {
	Version  string
	Since    time.Time
	Trouble  string
	Unsigned []string
}

// pages are for people. All that they read comes through a Reader of their own, bounded in size and time, so that they can't
// hold up what the program is there for.
type pages struct {
	reader   *persistence.Reader
	logger   *slog.Logger
	requests *requests
	state    func() pageState

	waiting  *kept[backlog]
	measures *kept[measures]
	arrivals *kept[[]arrival]
	// explaining lets one explanation be made at a time.
	explaining turn
}

func newPages(r *persistence.Reader, p rules.Policy, requests *requests, state func() pageState, now func() time.Time, logger *slog.Logger) *pages {
	return &pages{
		reader: r, logger: logger, requests: requests, state: state, explaining: newTurn(),
		waiting:  keep(time.Second, logged(logger, "what waits", (&store{Reader: r}).waiting)),
		measures: keep(5*time.Second, logged(logger, "the measures", func(ctx context.Context) (measures, error) { return measuresOf(ctx, r, p, now()) })),
		arrivals: keep(time.Second, logged(logger, "the deliveries", func(ctx context.Context) ([]arrival, error) { return arrivalsOf(ctx, r) })),
	}
}

// logged logs the errors of some work.
func logged[T any](logger *slog.Logger, part string, work func(context.Context) (T, error)) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) {
		value, err := work(ctx)
		if err != nil {
			logger.Warn("a page can't be shown as a whole", "part", part, "error", err)
		}
		return value, err
	}
}

// noAnswer says that something could not be read, with nothing of the machine: the log has the error.
const noAnswer = "the database did not answer as it should; the log says more"

// pageShown is the page at /.
type pageShown struct {
	pageState
	Waiting             backlog
	Measures            measures
	Arrivals            []arrival
	Duplicates, Ignored int
	Refused             []refusedRequest
	// MeasuresTrouble and ArrivalsTrouble are why there are none, or old ones.
	MeasuresTrouble, ArrivalsTrouble string
	requests                         *requests
}

// Again says of a delivery how often it came again; nothing when it did not.
func (p pageShown) Again(key string) string { return p.requests.again(key) }

// page serves the page at /.
func (p *pages) page(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), longestReading)
	defer cancel()
	shown := pageShown{
		pageState: p.state(), Duplicates: p.requests.of("duplicate"), Ignored: p.requests.of("ignored"), Refused: p.requests.newest(),
		requests: p.requests,
	}
	var err error
	if shown.Measures, err = p.measures.get(ctx); err != nil {
		shown.MeasuresTrouble = noAnswer
	}
	if shown.Arrivals, err = p.arrivals.get(ctx); err != nil {
		shown.ArrivalsTrouble = noAnswer
	}
	if shown.Waiting, err = p.waiting.get(ctx); err != nil && shown.Trouble == "" {
		shown.Trouble = noAnswer
	}
	p.write(w, http.StatusOK, "page", shown)
}

// write answers with a page.
func (p *pages) write(w http.ResponseWriter, status int, name string, shown any) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = pageTemplates.ExecuteTemplate(w, name, shown) // the client is gone: nobody to tell
}
