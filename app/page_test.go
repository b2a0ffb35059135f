package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dora-exporter/internal/golden"
	"dora-exporter/page"
	"dora-exporter/persistence/sqlstore"
	"dora-exporter/report"
	"dora-exporter/story/shop"
)

// shopPages returns the pages over the database of a shop, a day after its events began.
func shopPages(t *testing.T, s *shop.Shop, state page.State, seen *page.Requests) *page.Pages {
	t.Helper()
	return pagesOf(s.Reader(), s, state, seen)
}

func pagesOf(r *sqlstore.Reader, s *shop.Shop, state page.State, seen *page.Requests) *page.Pages {
	now := func() time.Time { return shop.Minute(1440) }
	return newPages(r, s.Rules.Policy, seen, func() page.State { return state }, now, slog.New(slog.DiscardHandler))
}

func emptyPages(t *testing.T, state page.State) *page.Pages {
	t.Helper()
	return shopPages(t, shop.New(t), state, &page.Requests{})
}

// TestPage compares the page of a day with one of everything.
func TestPage(t *testing.T) {
	s := shop.Day(t)
	seen := &page.Requests{}
	for range 3 {
		seen.Count("duplicate")
	}
	seen.Count("ignored")
	seen.AddRefused("github", "malformed", "the payload of deployment: deployment is missing", shop.Minute(1))
	for n := range 12 {
		seen.AddRefused("github", "unauthorized", "signature missing or wrong: X-Hub-Signature-256", shop.Minute(2+n))
	}
	status, got := get(t, shopPages(t, s, page.State{Version: "1.2.3", Since: shop.Monday, Unsigned: []string{"jira"}}, seen), "/")
	if status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	got = strings.Replace(got, style(got), "…", 1)
	got = strings.ReplaceAll(got, "><", ">\n<") // elements on lines of their own
	golden.Compare(t, filepath.Join("testdata", "page", "day.html"), got)
}

// The duplicates of a delivery are shown with it.
func TestPageShowsDuplicates(t *testing.T) {
	s := shop.Day(t)
	found, err := s.Store.Recent(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	seen := &page.Requests{}
	for n := range 2 {
		seen.AddDuplicate(found[0].Key, shop.Minute(n))
	}
	seen.AddDuplicate(found[1].Key, shop.Minute(3))
	_, body := get(t, shopPages(t, s, page.State{}, seen), "/")
	for _, want := range []string{
		"<li>received again twice, last at 2026-03-02T09:01:00Z: a duplicate, not counted</li>",
		"<li>received again once, last at 2026-03-02T09:03:00Z: a duplicate, not counted</li>",
	} {
		if strings.Count(body, want) != 1 {
			t.Errorf("not once %s in\n%s", want, body)
		}
	}
	if strings.Count(body, "received again") != 2 {
		t.Error("other deliveries have duplicates, too")
	}
}

// The page has the same measures as the report when nothing is late.
func TestPageAndReportAgree(t *testing.T) {
	s := shop.New(t)
	s.GitHub.Line = []string{"V1", "V2", "V3", "V4", "V5", "V6"}
	for n := 1; n <= 6; n++ {
		s.Deliver(shop.Status(int64(n), "production", fmt.Sprintf("V%d", n), "success", 30*n))
	}
	s.Deliver(shop.Status(2, "production", "V2", "failure", 65), shop.Incident("created", 46, 0))
	s.Process()
	o := report.Options{Now: shop.Minute(1440), Since: measuredPeriod, Weeks: measuredWeeks}
	all, err := report.FromEvents(t.Context(), s.Reader(), s.Rules.Policy, o)
	if err != nil || len(all.Differences) > 0 || len(all.Rows) != 1 || all.Rows[0].Failures == 0 {
		t.Fatalf("%v, %+v", err, all)
	}
	measures, err := report.MeasuresFromEvents(t.Context(), s.Reader(), s.Rules.Policy, o, measuredWork)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, measures, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("-report +page:\n%s", diff)
	}
}

func TestExplanationPages(t *testing.T) {
	p := shopPages(t, shop.Day(t), page.State{}, &page.Requests{})
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/explain/deployment/acme/web/2":   {200, "acme/web#2 on api.github.com"},
		"/explain/deployment/Acme/Web/2":   {200, "acme/web#2 on api.github.com"},
		"/explain/deployment/acme/web/77":  {404, "no event names the deployment acme/web#77"},
		"/explain/deployment/acme/web/x":   {404, "is not a deployment"},
		"/explain/deployment/a%2Fb/c/1":    {404, "is not a deployment"},
		"/explain/deployment/acme/web":     {404, "404"},
		"/explain/deployment/acme/web/2/":  {404, "404"},
		"/explain/deployment/acme//2":      {404, "404"},
		"/explain/incident/INC-7":          {200, "INC-7"},
		"/explain/incident/INC-8":          {404, "no event names the issue INC-8"},
		"/explain/incident/%22%3E%3Cb%3E":  {404, "is not an issue"},
		"/explain/metric":                  {200, "What does a value add up from?"},
		"/explain/metric?series=nonsense{": {404, "it is not in Prometheus"},
		"/explain/metric?series=dora_x":    {404, "no events are counted in"},
		"/explain/metric?series=" + url.QueryEscape(`jira_incidents{team="Platform"}`): {200, "INC-7"},
		"/explain/metric?series=%3Cscript%3E":                                          {404, "&lt;script&gt;"},
	} {
		status, body := get(t, p, path)
		if status != want.status || !strings.Contains(body, want.text) {
			t.Errorf("%s: status %d, want %d with %q:\n%s", path, status, want.status, want.text, body)
		}
	}
}

// What is shown and read is bounded.
func TestPageLimits(t *testing.T) {
	const deliveries, series = 50, 20
	s := shop.New(t)
	for n := range deliveries + 10 {
		s.Deliver(shop.Status(int64(n+1), "production", "V1", "success", 30))
	}
	s.Process()
	p := shopPages(t, s, page.State{}, &page.Requests{})
	_, body := get(t, p, "/")
	if n := strings.Count(body, `href="/explain/deployment/`); n != deliveries {
		t.Errorf("%d deliveries, want %d", n, deliveries)
	}
	for n := range series + 1 {
		s.Deliver(shop.Status(int64(1000+n), fmt.Sprintf("environment-%d", n), "V1", "success", 30))
	}
	s.Process()
	if status, body := get(t, p, "/explain/metric?series=dora_changes_total"); status != http.StatusNotFound || !strings.Contains(body, "more than 20 series") {
		t.Errorf("status %d: %s", status, body)
	}
}

// When the database can't be read, the page says so, without details about the machine, and shows the rest.
func TestPageWithoutDatabase(t *testing.T) {
	s := shop.New(t)
	r := s.Reader()
	p := pagesOf(r, s, page.State{Version: "1.2.3"}, &page.Requests{})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	status, body := get(t, p, "/")
	if status != http.StatusOK || !strings.Contains(body, "1.2.3") || strings.Count(body, "reading the database failed") != 3 || strings.Contains(body, ".db") {
		t.Errorf("status %d:\n%s", status, body)
	}
	if status, body := get(t, p, "/explain/incident/INC-7"); status != http.StatusInternalServerError || strings.Contains(body, ".db") {
		t.Errorf("status %d:\n%s", status, body)
	}
}

func TestNoPages(t *testing.T) {
	for _, path := range []string{"/", "/explain/deployment/acme/web/1", "/explain/incident/INC-7", "/explain/metric"} {
		if status, _ := get(t, nil, path); status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, status)
		}
	}
}
