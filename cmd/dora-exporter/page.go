package main

import (
	"html/template"
	"net/http"
	"time"
)

// pageState is what the page at / shows.
type pageState struct {
	Version  string
	Since    time.Time
	Trouble  string
	Backlog  int
	SetAside int
	LookUps  int
	Unsigned []string
}

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>dora-exporter</title>
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem }
dt { font-weight: 600 } dd { margin: 0 0 .5rem }
</style>
<h1>dora-exporter</h1>
<p>DORA metrics from GitHub's and Jira's webhooks.</p>
<ul>
<li><a href="/metrics">/metrics</a>: what Prometheus scrapes</li>
<li><a href="/readyz">/readyz</a>: whether it can do its work</li>
<li><a href="/healthz">/healthz</a>: whether it answers</li>
</ul>
<p>Webhooks go to <code>POST /api/github</code> and <code>POST /api/jira</code>.</p>
<dl>
<dt>State</dt><dd>{{if .Trouble}}not ready: {{.Trouble}}{{else}}ready{{end}}</dd>
<dt>Deliveries waiting</dt><dd>{{.Backlog}}</dd>
{{if .SetAside}}<dt>Deliveries that can't be processed</dt><dd>{{.SetAside}}: <code>dora-exporter deliveries list</code> shows them</dd>
{{end}}<dt>Commits to look up at GitHub</dt><dd>{{.LookUps}}</dd>
{{range .Unsigned}}<dt>Warning</dt><dd>{{.}} webhooks are accepted without a signature: no secret is set</dd>
{{end}}<dt>Running since</dt><dd>{{.Since.UTC.Format "2006-01-02 15:04:05 UTC"}}</dd>
<dt>Version</dt><dd>{{.Version}}</dd>
</dl>
</html>
`))

// page serves the page at /.
func page(state func(*http.Request) pageState) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_ = pageTemplate.Execute(w, state(r)) // the client is gone: nobody to tell
	}
}
