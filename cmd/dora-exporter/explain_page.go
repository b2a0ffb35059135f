package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// explainedFacts and explainedSeries bound what a page says of a metric.
	explainedFacts  = 50
	explainedSeries = 20
	// longestAbout bounds, in bytes, what is logged of a question.
	longestAbout = 200
)

// explanationShown is a page with the text of the command explain.
type explanationShown struct {
	Title, Text, Trouble string
	// Metric is set when a series can be asked for, and Series is the one that was.
	Metric bool
	Series string
}

// explainDeployment serves /explain/deployment/{owner}/{repo}/{id}.
func (p *pages) explainDeployment(w http.ResponseWriter, r *http.Request) {
	names, ok := pathNames(r, "/explain/deployment/", 3)
	if !ok {
		http.NotFound(w, r)
		return
	}
	about := names[0] + "/" + names[1] + "#" + names[2]
	p.explain(w, r, explanationShown{Title: "Deployment " + about}, explainDeployment, about)
}

// explainIncident serves /explain/incident/{key}.
func (p *pages) explainIncident(w http.ResponseWriter, r *http.Request) {
	names, ok := pathNames(r, "/explain/incident/", 1)
	if !ok {
		http.NotFound(w, r)
		return
	}
	p.explain(w, r, explanationShown{Title: "Incident " + names[0]}, explainIncident, names[0])
}

// explainMetric serves /explain/metric?series=….
func (p *pages) explainMetric(w http.ResponseWriter, r *http.Request) {
	about := r.URL.Query().Get("series")
	shown := explanationShown{Title: "What a value is made of", Metric: true, Series: about}
	if about == "" {
		p.write(w, http.StatusOK, "explanation", shown)
		return
	}
	p.explain(w, r, shown, func(ctx context.Context, s *store, about string) (explanation, error) {
		return s.metric(ctx, about, explainedFacts, explainedSeries)
	}, about)
}

// pathNames are the parts of a path behind its beginning, so many of them. A part may have a slash when it is escaped.
func pathNames(r *http.Request, beginning string, n int) ([]string, bool) {
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), beginning), "/")
	for i, part := range parts {
		name, err := url.PathUnescape(part)
		if err != nil || name == "" {
			return nil, false
		}
		parts[i] = name
	}
	return parts, len(parts) == n
}

// explain answers a question with a page: one at a time, and with a rest after each for as long as it took, so that at most
// half of one processor is busy with it.
func (p *pages) explain(w http.ResponseWriter, r *http.Request, shown explanationShown, q question, about string) {
	ctx, cancel := context.WithTimeout(r.Context(), longestReading)
	defer cancel()
	if err := p.explaining.wait(ctx); err != nil {
		p.busy(w, shown)
		return
	}
	began := time.Now()
	answer, err := explain(ctx, p.reader, q, about)
	time.AfterFunc(time.Since(began), p.explaining.done)
	var none unansweredError
	switch {
	case errors.As(err, &none):
		shown.Trouble = printable(err.Error())
		p.write(w, http.StatusNotFound, "explanation", shown)
	case ctx.Err() != nil:
		p.busy(w, shown)
	case err != nil:
		p.logger.Warn("can't explain", "about", strings.ToValidUTF8(about[:min(len(about), longestAbout)], ""), "error", err)
		shown.Trouble = noAnswer
		p.write(w, http.StatusInternalServerError, "explanation", shown)
	default:
		s := &sheet{}
		answer.text(s)
		shown.Text = s.String()
		p.write(w, http.StatusOK, "explanation", shown)
	}
}

func (p *pages) busy(w http.ResponseWriter, shown explanationShown) {
	shown.Trouble = "There is too much to read at the moment: try again, or ask dora-exporter explain."
	w.Header().Set("Retry-After", "10")
	p.write(w, http.StatusServiceUnavailable, "explanation", shown)
}
