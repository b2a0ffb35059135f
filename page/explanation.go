package page

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxFacts and maxSeries bound what a page lists of a metric.
	maxFacts  = 50
	maxSeries = 20
)

// explanationPage is the data of a page with an explanation.
type explanationPage struct {
	Title, Text, Trouble string
	// Metric is true on the page with a form for a series; Series is the one that was asked for.
	Metric bool
	Series string
}

// explainDeployment serves /explain/deployment/{owner}/{repo}/{id}.
func (p *Pages) explainDeployment(w http.ResponseWriter, r *http.Request) {
	parts, ok := pathParts(r, "/explain/deployment/", 3)
	if !ok {
		http.NotFound(w, r)
		return
	}
	name := parts[0] + "/" + parts[1] + "#" + parts[2]
	p.explain(w, r, explanationPage{Title: "Deployment " + name}, func(ctx context.Context) (Explanation, error) {
		return p.options.Explain.Deployment(ctx, name)
	})
}

// explainIncident serves /explain/incident/{key}.
func (p *Pages) explainIncident(w http.ResponseWriter, r *http.Request) {
	parts, ok := pathParts(r, "/explain/incident/", 1)
	if !ok {
		http.NotFound(w, r)
		return
	}
	p.explain(w, r, explanationPage{Title: "Incident " + parts[0]}, func(ctx context.Context) (Explanation, error) {
		return p.options.Explain.Incident(ctx, parts[0])
	})
}

// explainMetric serves /explain/metric?series=….
func (p *Pages) explainMetric(w http.ResponseWriter, r *http.Request) {
	page := explanationPage{Title: "What a value adds up from", Metric: true, Series: r.URL.Query().Get("series")}
	if page.Series == "" {
		p.write(w, http.StatusOK, page.html())
		return
	}
	p.explain(w, r, page, func(ctx context.Context) (Explanation, error) {
		return p.options.Explain.Metric(ctx, page.Series, maxFacts, maxSeries)
	})
}

// pathParts returns the n parts of a path behind a prefix; false if it has another number of parts, or an empty one. A part may
// have an escaped slash.
func pathParts(r *http.Request, prefix string, n int) ([]string, bool) {
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), prefix), "/")
	for i, part := range parts {
		name, err := url.PathUnescape(part)
		if err != nil || name == "" {
			return nil, false
		}
		parts[i] = name
	}
	return parts, len(parts) == n
}

// explain answers with an explanation. It makes one at a time, and pauses after each for as long as it took, so that
// explanations take half of one processor at most.
func (p *Pages) explain(w http.ResponseWriter, r *http.Request, page explanationPage, explain func(context.Context) (Explanation, error)) {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	if err := p.explaining.acquire(ctx); err != nil {
		p.busy(w, page)
		return
	}
	began := time.Now()
	e, err := explain(ctx)
	time.AfterFunc(time.Since(began), p.explaining.release)
	switch {
	case err == nil && e.Found:
		page.Text = e.Text
		p.write(w, http.StatusOK, page.html())
	case err == nil:
		page.Trouble = e.Text
		p.write(w, http.StatusNotFound, page.html())
	case ctx.Err() != nil:
		p.busy(w, page)
	default:
		p.failures.Add(struct{}{}, err)
		page.Trouble = readFailed
		p.write(w, http.StatusInternalServerError, page.html())
	}
}

func (p *Pages) busy(w http.ResponseWriter, page explanationPage) {
	page.Trouble = "The server is busy with other explanations: try again, or run dora-exporter explain."
	w.Header().Set("Retry-After", "10")
	p.write(w, http.StatusServiceUnavailable, page.html())
}
