package app

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"dora-exporter/dora"
	"dora-exporter/page"
	"dora-exporter/story/shop"
)

// get asks for a page and checks what holds for all of them.
func get(t *testing.T, p *page.Pages, path string) (status int, body string) {
	t.Helper()
	engine := newEngine(endpoints{metrics: http.NotFoundHandler(), page: p}.pages(), nil, slog.New(slog.DiscardHandler))
	answer := httptest.NewRecorder()
	engine.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	if answer.Code == http.StatusNotFound && answer.Header().Get("Content-Security-Policy") == "" {
		return answer.Code, answer.Body.String() // not one of the pages
	}
	want := map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + styleHash(answer.Body.String()) + "'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	}
	for name, value := range want {
		if got := answer.Header().Get(name); got != value {
			t.Errorf("%s: %s is %q, want %q", path, name, got, value)
		}
	}
	harmless(t, path, answer.Body.String())
	return answer.Code, answer.Body.String()
}

// style returns the style sheet in a page.
func style(body string) string {
	_, rest, _ := strings.Cut(body, "<style>")
	css, _, _ := strings.Cut(rest, "</style>")
	return css
}

func styleHash(body string) string {
	sum := sha256.Sum256([]byte(style(body)))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// harmless checks that a page has no element or attribute that could run something or load it from elsewhere, and no text that
// reverses other text, whatever the names in it.
func harmless(t *testing.T, path, body string) {
	t.Helper()
	elements := strings.Fields(`html head meta title link style body a header h1 p nav ul li main section h2 strong code dl div dt dd table caption
		thead tbody tr th td small span bdi br wbr svg rect time form label input button pre`)
	attributes := strings.Fields(`lang charset name content rel href class id aria-label aria-labelledby role datetime scope viewbox viewBox preserveaspectratio
		preserveAspectRatio x y width height action method for value placeholder autocomplete spellcheck tabindex`)
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for n := range root.Descendants() {
		if n.Type == html.TextNode && strings.ContainsAny(n.Data, "\u202e\u2069") {
			t.Errorf("%s reverses the text behind %q", path, n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		if !slices.Contains(elements, n.Data) {
			t.Errorf("%s has an element %s", path, n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case !slices.Contains(attributes, a.Key):
				t.Errorf("%s: %s has an attribute %s", path, n.Data, a.Key)
			case (a.Key == "href" || a.Key == "action") && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") && a.Val != "data:,",
				strings.HasPrefix(a.Val, "//"):
				t.Errorf("%s links to %q", path, a.Val)
			case a.Key == "id" && ids[a.Val]:
				t.Errorf("%s has the id %s twice", path, a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			}
		}
	}
}

// Hostile names stay text wherever they are shown.
func TestHostileNames(t *testing.T) {
	s := shop.New(t)
	hostile := []string{
		`<script>alert(1)</script>`, `" onload="alert(1)`, `</style></table><img src=x onerror=alert(1)>`, `javascript:alert(1)`, `{{.}}`, "' x='\x00\x1b[2J\u202e",
		`//evil.example/`, `../../..`, `%2e%2e%2f?#`, "\u2069\u202egnp.yliad",
	}
	for n, name := range hostile {
		d := dora.Deployment{
			Host: name, ID: int64(n + 1), Owner: name, Repository: name, Environment: "production", SHA: name, CreatedAt: shop.Minute(1), Production: true,
		}
		s.Deliver(dora.Event{Status: &dora.Status{ID: int64(n + 1), State: name, CreatedAt: shop.Minute(2), Deployment: d}})
		s.Deliver(dora.Event{Incident: &dora.IncidentChange{
			Event: name, Host: name, ID: fmt.Sprint(n), Key: name, Project: name, Type: "Incident", Timestamp: shop.Minute(3), Created: shop.Minute(3),
		}})
		d.Repository, d.ID = "web", int64(n+100)
		if err := s.Store.Update(t.Context(), func(tx dora.Tx) error {
			return tx.Deployments().Save(dora.DeploymentRecord{Deployment: d, Team: name, InProduction: true, Outcomes: []dora.Outcome{{ID: 1, State: "success", At: shop.Minute(9)}}})
		}); err != nil {
			t.Fatal(err)
		}
	}
	s.Deliver(shop.Status(50, "production", "V1", "success", 30)) // pending
	seen := &page.Requests{}
	for _, name := range hostile {
		seen.AddRefused(name, name, name, shop.Monday)
	}
	p := shopPages(t, s, page.State{Version: hostile[0], Trouble: hostile[2], Unsigned: hostile}, seen)
	status, body := get(t, p, "/")
	if status != http.StatusOK || strings.Contains(body, "<script") || strings.Contains(body, "<img") || strings.Count(body, "<caption>") < len(hostile) {
		t.Errorf("status %d, the page is\n%s", status, body)
	}
	for _, name := range hostile {
		name = url.PathEscape(name)
		for _, path := range []string{"/explain/deployment/" + name + "/" + name + "/1", "/explain/incident/" + name, "/explain/metric?series=" + url.QueryEscape(name)} {
			if status, body := get(t, p, path); status != http.StatusOK && status != http.StatusNotFound {
				t.Errorf("%s: status %d\n%s", path, status, body)
			}
		}
	}
}
