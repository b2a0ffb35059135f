package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/net/html"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
	"dora-exporter/persistence"
)

// pages are those over the shop's database, a day after its events began.
func (s *shop) pages(state pageState, seen *requests) *pages {
	s.t.Helper()
	r, err := persistence.OpenReader(s.t.Context(), s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = r.Close() })
	now := func() time.Time { return minute(1440) }
	return newPages(r, s.rules.Policy, seen, func() pageState { return state }, now, slog.New(slog.DiscardHandler))
}

func emptyPages(t *testing.T, state pageState) *pages {
	t.Helper()
	return newShop(t).pages(state, &requests{})
}

// get asks for a page and checks what holds for all of them.
func get(t *testing.T, p *pages, path string) (status int, body string) {
	t.Helper()
	engine := newEngine(endpoints{metrics: http.NotFoundHandler(), people: p}.pages(), nil, slog.New(slog.DiscardHandler))
	answer := httptest.NewRecorder()
	engine.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	if answer.Code == http.StatusNotFound && answer.Header().Get("Content-Security-Policy") == "" {
		return answer.Code, answer.Body.String() // not one of the pages
	}
	want := map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Content-Security-Policy": contentPolicy,
	}
	for name, value := range want {
		if got := answer.Header().Get(name); got != value {
			t.Errorf("%s: %s is %q, want %q", path, name, got, value)
		}
	}
	harmless(t, path, answer.Body.String())
	return answer.Code, answer.Body.String()
}

// harmless checks that a page has no element or attribute that could run something or load it from elsewhere, and no text that
// turns other text round, whatever the names in it.
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
			t.Errorf("%s turns round what stands behind %q", path, n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		if !slices.Contains(elements, n.Data) {
			t.Errorf("%s has an element %s", path, n.Data)
		}
		if n.Data == "style" && n.FirstChild.Data != pageCSS {
			t.Errorf("%s has another style than the one that its policy allows", path)
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

// The whole page of a day with everything, word by word.
func TestPage(t *testing.T) {
	s := aDay(t)
	seen := &requests{}
	for range 3 {
		seen.observe("duplicate")
	}
	seen.observe("ignored")
	seen.refuse("github", "malformed", "the payload of deployment: deployment is missing", minute(1))
	for n := range 12 {
		seen.refuse("github", "unauthorized", "signature missing or wrong: X-Hub-Signature-256", minute(2+n))
	}
	status, got := get(t, s.pages(pageState{Version: "1.2.3", Since: monday, Unsigned: []string{"jira"}}, seen), "/")
	if status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	got = strings.Replace(got, pageCSS, "…", 1)
	path := filepath.Join("testdata", "page", "day.html")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(readFile(t, path), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A delivery that came again is told of at that delivery, also when many others did since.
func TestPageTellsOfDuplicates(t *testing.T) {
	s := aDay(t)
	found, err := s.store.Recent(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	seen := &requests{}
	seen.repeat("forgotten", minute(0))
	for n := range 2 {
		seen.repeat(found[0].Key, minute(n))
	}
	for n := range mostRepeated - 2 {
		seen.repeat(fmt.Sprint("other ", n), minute(2))
	}
	seen.repeat(found[1].Key, minute(3))
	_, body := get(t, s.pages(pageState{}, seen), "/")
	for _, want := range []string{
		"<li>came again twice, the last at 2026-03-02T09:01:00Z: a duplicate, which counts nothing</li>",
		"<li>came again once, the last at 2026-03-02T09:03:00Z: a duplicate, which counts nothing</li>",
	} {
		if strings.Count(body, want) != 1 {
			t.Errorf("not once %s in\n%s", want, body)
		}
	}
	if seen.again("forgotten") != "" || seen.again("other 0") == "" || strings.Count(body, "came again") != 2 {
		t.Error("too many are kept, or too few")
	}
}

// The page has the measures that report has, when nothing came late.
func TestPageAndReportAgree(t *testing.T) {
	s := newShop(t)
	s.github.line = []string{"V1", "V2", "V3", "V4", "V5", "V6"}
	for n := 1; n <= 6; n++ {
		s.tell(status(int64(n), "production", fmt.Sprintf("V%d", n), "success", 30*n))
	}
	s.tell(status(2, "production", "V2", "failure", 65), inc7("created", 46, 0))
	s.work()
	o := rules.ReportOptions{Now: minute(1440), Since: measuredOver, Weeks: weeksShown}
	facts := rules.NewTally(o)
	records, err := s.store.Records(t.Context(), facts.Add, rules.Compared()...)
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.rules.Policy.Report(records, facts, o)
	if err != nil || len(report.Differences) > 0 || len(report.Rows) != 1 || report.Rows[0].Failures == 0 {
		t.Fatalf("%v, %+v", err, report)
	}
	counted, err := s.store.Counted(t.Context(), o.Now.Add(-measuredOver), mostTeams, mostDeployments)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report, s.rules.Policy.CountedReport(counted, o), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("-report +page:\n%s", diff)
	}
}

func TestExplanationsAsPages(t *testing.T) {
	p := aDay(t).pages(pageState{}, &requests{})
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/explain/deployment/acme/web/2":   {200, "acme/web#2 on api.github.com"},
		"/explain/deployment/Acme/Web/2":   {200, "acme/web#2 on api.github.com"},
		"/explain/deployment/acme/web/77":  {404, "no event named the deployment acme/web#77"},
		"/explain/deployment/acme/web/x":   {404, "is no deployment"},
		"/explain/deployment/a%2Fb/c/1":    {404, "is no deployment"},
		"/explain/deployment/acme/web":     {404, "404"},
		"/explain/deployment/acme/web/2/":  {404, "404"},
		"/explain/deployment/acme//2":      {404, "404"},
		"/explain/incident/INC-7":          {200, "INC-7"},
		"/explain/incident/INC-8":          {404, "no event named the issue INC-8"},
		"/explain/incident/%22%3E%3Cb%3E":  {404, "is no issue"},
		"/explain/metric":                  {200, "What is a value made of?"},
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

// Names that are meant to do harm stay text, wherever they stand.
func TestPageOfHostileNames(t *testing.T) {
	s := newShop(t)
	hostile := []string{
		`<script>alert(1)</script>`, `" onload="alert(1)`, `</style></table><img src=x onerror=alert(1)>`, `javascript:alert(1)`, `{{.}}`, "' x='\x00\x1b[2J\u202e",
		`//evil.example/`, `../../..`, `%2e%2e%2f?#`, "\u2069\u202egnp.yliad",
	}
	for n, name := range hostile {
		d := dora.Deployment{
			Host: name, ID: int64(n + 1), Owner: name, Repository: name, Environment: "production", SHA: name, CreatedAt: minute(1), Production: true,
		}
		s.tell(dora.Event{Status: &dora.Status{ID: int64(n + 1), State: name, CreatedAt: minute(2), Deployment: d}})
		s.tell(dora.Event{Incident: &dora.IncidentChange{
			Event: name, Host: name, ID: fmt.Sprint(n), Key: name, Project: name, Type: "Incident", Timestamp: minute(3), Created: minute(3),
		}})
		d.Repository, d.ID = "web", int64(n+100)
		if err := s.store.Update(t.Context(), func(tx dora.Tx) error {
			return tx.Deployments().Save(dora.Tracked{Deployment: d, Team: name, InProduction: true, Outcomes: []dora.Outcome{{ID: 1, State: "success", At: minute(9)}}})
		}); err != nil {
			t.Fatal(err)
		}
	}
	s.tell(status(50, "production", "V1", "success", 30)) // pending
	seen := &requests{}
	for _, name := range hostile {
		seen.refuse(name, name, name, monday)
	}
	p := s.pages(pageState{Version: hostile[0], Trouble: hostile[2], Unsigned: hostile}, seen)
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

// What is shown and read is bounded.
func TestLimitsOfThePage(t *testing.T) {
	s := newShop(t)
	for n := range mostArrivals + 10 {
		s.tell(status(int64(n+1), "production", "V1", "success", 30))
	}
	s.work()
	seen := &requests{}
	seen.refuse("jira", "malformed", "the one that matters", monday)
	for n := range 10_000 {
		seen.refuse("github", "unauthorized", "signature missing or wrong", minute(n))
	}
	if all := seen.newest(); len(all) != 2 || all[0].Times != 10_000 || all[1].Why != "the one that matters" {
		t.Errorf("refused: %+v", all)
	}
	for n := range 10_000 {
		seen.refuse("github", "malformed", fmt.Sprint(n), minute(n))
	}
	if all := seen.newest(); len(all) != mostRefused || all[0].Why != "9999" {
		t.Errorf("refused: %+v", all)
	}
	p := s.pages(pageState{}, seen)
	_, body := get(t, p, "/")
	if n := strings.Count(body, `href="/explain/deployment/`); n != mostArrivals {
		t.Errorf("%d deliveries, want %d", n, mostArrivals)
	}

	// An explanation waits for its turn no longer than its asker does.
	if err := p.explaining.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	answer := httptest.NewRecorder()
	p.explainMetric(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, "/explain/metric?series=dora_changes_total", http.NoBody))
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("status %d", answer.Code)
	}
	p.explaining.done()

	for n := range explainedSeries + 1 {
		s.tell(status(int64(1000+n), fmt.Sprintf("environment-%d", n), "V1", "success", 30))
	}
	s.work()
	if status, body := get(t, p, "/explain/metric?series=dora_changes_total"); status != http.StatusNotFound || !strings.Contains(body, "more than 20 series") {
		t.Errorf("status %d: %s", status, body)
	}
}

// When the database does not answer, the page says so, without a word about the machine, and shows the rest.
func TestPageWithoutTheDatabase(t *testing.T) {
	p := emptyPages(t, pageState{Version: "1.2.3"})
	if err := p.reader.Close(); err != nil {
		t.Fatal(err)
	}
	status, body := get(t, p, "/")
	if status != http.StatusOK || !strings.Contains(body, "1.2.3") || strings.Count(body, "the database did not answer") != 3 || strings.Contains(body, ".db") {
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

// An answer is worked out by one asker at a time, kept for twenty times as long as it took, and the last good one is shown
// until there is another.
func TestKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, takes := 0, time.Second
		var trouble error
		k := keep(5*time.Second, func(ctx context.Context) (int, error) {
			asked++
			select {
			case <-time.After(takes):
			case <-ctx.Done():
			}
			return asked, errors.Join(trouble, ctx.Err())
		})
		expect := func(want int, failed bool) {
			t.Helper()
			got, err := k.get(t.Context())
			if got != want || (err != nil) != failed {
				t.Errorf("%d, %v, want %d", got, err, want)
			}
		}
		leaving, leave := context.WithCancel(t.Context())
		go func() { _, _ = k.get(leaving) }()
		synctest.Wait()
		leave() // the answer is kept all the same
		expect(1, false)
		time.Sleep(19 * time.Second)
		expect(1, false)
		time.Sleep(2 * time.Second)
		go func() { _, _ = k.get(t.Context()) }()
		synctest.Wait()
		expect(1, false) // while the next is worked out
		time.Sleep(2 * time.Second)
		expect(2, false)
		trouble = errors.New("no")
		time.Sleep(time.Minute)
		expect(2, true)
		trouble, takes = nil, time.Hour
		time.Sleep(time.Minute)
		began := time.Now()
		expect(2, true)
		if took := time.Since(began); took != longestReading {
			t.Errorf("it took %s", took)
		}
		expect(2, true)
		if asked != 4 {
			t.Errorf("asked %d times", asked)
		}
		takes = time.Second
		time.Sleep(time.Hour)
		go func() { _, _ = k.get(t.Context()) }()
		synctest.Wait()
		expect(5, false) // what is that old is not shown meanwhile
	})
}

// What keeps a delivery from being counted is told.
func TestFatesOfDeliveries(t *testing.T) {
	s := newShop(t)
	for n := range 4 {
		s.tell(status(int64(n+1), "production", "V1", "success", 30))
	}
	err := s.store.Update(t.Context(), func(tx dora.Tx) error {
		return errors.Join(
			tx.Deliveries().Postpone(1, minute(0), minute(40)), tx.Deliveries().Retry(2, 3, "no <room>", minute(50)), tx.Deliveries().SetAside(3, 7, "it does not match its checksum"), tx.Deliveries().Done(4))
	})
	if err != nil {
		t.Fatal(err)
	}
	s.tell(inc7("created", 46, 0)) // the fifth, and not an incident before it is processed
	if err := s.store.Update(t.Context(), func(tx dora.Tx) error { return tx.Deliveries().Done(5) }); err != nil {
		t.Fatal(err)
	}
	all, err := arrivalsOf(t.Context(), s.store.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range all {
		for _, f := range a.Fate {
			got = append(got, fmt.Sprintf("%d %s: %s", a.ID, a.State, f.Words))
		}
	}
	want := []string{
		"5 processed: no incident by jira.incidents: not counted",
		"3 set_aside: set aside: it does not match its checksum",
		"2 waiting: tried in vain 3 times, next at 2026-03-02T09:50:00Z: no <room>",
		"1 waiting: waiting for its team",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, body := get(t, s.pages(pageState{}, &requests{}), "/"); !strings.Contains(body, "no &lt;room&gt;") || !strings.Contains(body, "deliveries list") {
		t.Error("the page does not tell of a delivery that is set aside")
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
