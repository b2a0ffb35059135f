package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/teststore"
	"dora-exporter/receivers"
)

func month(m int) time.Time { return time.Date(2025, time.Month(m), 1, 0, 0, 0, 0, time.UTC) }

// yearlyGitHub has a deployment in the middle of each month of 2025, with a success, and shows one a page. The ID is that of the month.
type yearlyGitHub struct {
	GitHub

	stop func(query int)
	n    int
}

func (g *yearlyGitHub) Query(ctx context.Context, _, query string, v map[string]any, data any) error {
	if !strings.Contains(query, "$pullsFirst") {
		return json.Unmarshal([]byte(`{"repository": {}}`), data)
	}
	g.n++
	if g.stop(g.n); ctx.Err() != nil {
		return ctx.Err()
	}
	m := 12
	if after, ok := v["deploymentsAfter"].(string); ok {
		_, _ = fmt.Sscan(after, &m)
	}
	at := month(m).AddDate(0, 0, 14).Format(time.RFC3339)
	return json.Unmarshal(fmt.Appendf(nil, `{"repository": {"databaseId": 7, "nameWithOwner": "acme/web", "url": "https://github.com/acme/web",
		"deployments": {"pageInfo": {"hasNextPage": %t, "endCursor": "%d"}, "nodes": [{"id": "d", "databaseId": %d, "environment": "production", "commitOid": "c0ffee",
			"createdAt": %[4]q, "ref": {"name": "main", "prefix": "refs/heads/"}, "statuses": {"totalCount": 1, "nodes": [{"state": "SUCCESS", "createdAt": %[4]q}]}}]},
		"pullRequests": {"pageInfo": {}, "nodes": []}}}`, m > 1, m-1, m, at), data)
}

// yearlyJira has an issue of the middle of each month of 2025, and shows one a page.
type yearlyJira struct {
	stop func(query int)
	n    int
}

func (j *yearlyJira) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/rest/api/2/serverInfo":
		_, _ = fmt.Fprint(w, `{"deploymentType": "Server"}`)
	case "/rest/api/2/myself":
		_, _ = fmt.Fprint(w, `{"timeZone": "UTC"}`)
	case "/rest/api/2/status":
		_, _ = fmt.Fprint(w, `[]`)
	default:
		j.n++
		j.stop(j.n)
		_, since, _ := strings.Cut(r.URL.Query().Get("jql"), `updated >= "`)
		first := 1
		for ; first < 13 && month(first).AddDate(0, 0, 14).Format(time.DateTime) < since; first++ {
		}
		at := 0
		_, _ = fmt.Sscan(r.URL.Query().Get("startAt"), &at)
		var issues []string
		if m := first + at; m < 13 {
			issues = append(issues, fmt.Sprintf(`{"id": "%d", "key": "INC-%[1]d", "self": "https://jira.example.com/rest/api/2/issue/%[1]d", "fields": {
				"created": %q, "project": {"key": "INC"}, "issuetype": {"name": "Incident"}, "status": {"id": "1"}}, "changelog": {"total": 0, "histories": []}}`,
				m, month(m).AddDate(0, 0, 14).Format("2006-01-02T15:04:05.000-0700")))
		}
		_, _ = fmt.Fprintf(w, `{"startAt": %d, "total": %d, "issues": [%s]}`, at, 13-first, strings.Join(issues, ","))
	}
}

// yearRequest is a request for what happened from the beginning of a month to that of another one, 0 for now. It is interrupted at a query of
// GitHub, and at one of Jira, 0 for none.
type yearRequest struct{ since, until, stop int }

// run reads what is requested, first from GitHub and then from Jira.
func (r yearRequest) run(t *testing.T, store Store) {
	t.Helper()
	var ctx context.Context
	cancel := func() {}
	stop := func(query int) {
		if query == r.stop {
			cancel()
		}
	}
	server := httptest.NewServer(&yearlyJira{stop: stop})
	defer server.Close()
	b := &Backfill{
		Request: Request{Since: month(r.since)}, GitHub: &yearlyGitHub{stop: stop}, Store: store, DecodeDeployment: receivers.DecodeDeployment,
		NeedsFlags: isUnusual, Host: "api.github.com", Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return month(13) }, Sleep: func(context.Context, time.Duration) {},
	}
	if r.until > 0 {
		b.Until = month(r.until)
	}
	b.Issues = &Jira{
		BaseURL: server.URL, JQL: "project = INC", Client: server.Client(), Logger: b.Logger, Sleep: b.Sleep,
		Decode: receivers.NewIssueDecoder(receivers.JiraOptions{}, b.Logger),
	}
	b.prepare()
	for _, read := range []func(context.Context) error{func(ctx context.Context) error { return b.readRepository(ctx, target{Name: "acme/web"}) }, b.readIssues} {
		ctx, cancel = context.WithCancel(t.Context())
		err := read(ctx)
		if interrupted := errors.Is(err, context.Canceled); interrupted != (r.stop > 0) || !interrupted && err != nil {
			t.Fatalf("%v: %v", r, err)
		}
		cancel()
	}
}

// monthsOf returns the months of the events of a source that are stored.
func monthsOf(t *testing.T, store *teststore.Store, source string) (months []int) {
	t.Helper()
	pending, err := store.Pending(t.Context(), month(14), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range pending {
		switch {
		case d.Source != source:
		case d.Event.Status != nil:
			months = append(months, int(d.Event.Status.CreatedAt.Month()))
		default:
			months = append(months, int(d.Event.Incident.OwnTime().Month()))
		}
	}
	slices.Sort(months)
	return months
}

// After any requests, what the last one asks for is there.
func TestBackfillsOneAfterAnother(t *testing.T) {
	for name, test := range map[string]struct {
		requests []yearRequest
		want     []int
	}{
		"all at once":                                {[]yearRequest{{9, 0, 0}}, []int{9, 10, 11, 12}},
		"the same again":                             {[]yearRequest{{9, 0, 0}, {9, 0, 0}}, []int{9, 10, 11, 12}},
		"one part after another":                     {[]yearRequest{{2, 4, 0}, {4, 6, 0}}, []int{2, 3, 4, 5}},
		"a part, then the rest":                      {[]yearRequest{{2, 4, 0}, {2, 0, 0}}, []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		"the newer part first":                       {[]yearRequest{{10, 0, 0}, {8, 10, 0}}, []int{8, 9, 10, 11, 12}},
		"a part of what is there":                    {[]yearRequest{{8, 0, 0}, {9, 10, 0}}, []int{8, 9, 10, 11, 12}},
		"two parts with a gap":                       {[]yearRequest{{2, 4, 0}, {11, 0, 0}}, []int{2, 3, 11, 12}},
		"interrupted":                                {[]yearRequest{{9, 0, 3}, {9, 0, 0}}, []int{9, 10, 11, 12}},
		"interrupted twice":                          {[]yearRequest{{8, 0, 2}, {8, 0, 2}, {8, 0, 0}}, []int{8, 9, 10, 11, 12}},
		"interrupted, then more":                     {[]yearRequest{{10, 0, 2}, {8, 0, 0}}, []int{8, 9, 10, 11, 12}},
		"interrupted with an end, then without":      {[]yearRequest{{8, 10, 4}, {8, 0, 0}}, []int{8, 9, 10, 11, 12}},
		"interrupted, then more, interrupted, again": {[]yearRequest{{11, 0, 2}, {9, 0, 3}, {9, 0, 0}}, []int{9, 10, 11, 12}},
		"interrupted repetition, then more":          {[]yearRequest{{10, 0, 0}, {10, 0, 1}, {8, 0, 0}}, []int{8, 9, 10, 11, 12}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := teststore.At(t, filepath.Join(t.TempDir(), "dora-exporter.db"))
			for _, r := range test.requests {
				r.run(t, store.Store)
			}
			for _, source := range []string{dora.GitHub, dora.Jira} {
				if diff := cmp.Diff(test.want, monthsOf(t, store, source)); diff != "" {
					t.Errorf("months of %s: -want +got:\n%s", source, diff)
				}
			}
		})
	}
}

// With another JQL all issues are searched for again, since more of them may be found.
func TestIssuesOfAnotherJQL(t *testing.T) {
	known := issuesPart{span: span{Since: month(2), Began: month(6)}, From: month(2), JQL: "project = INC", Done: true}
	interrupted := known
	interrupted.Done, interrupted.Next = false, "100"
	for name, test := range map[string]struct {
		known   issuesPart
		jql     string
		from    time.Time
		next    string
		resumed bool
	}{
		"the same":              {known, "project = INC", month(6).Add(-dora.Day), "", false},
		"another":               {known, "project in (INC, OPS)", month(3), "", false},
		"the same, interrupted": {interrupted, "project = INC", month(2), "100", true},
		"another, interrupted":  {interrupted, "project in (INC, OPS)", month(3), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := newTestBackfill(&scriptedGitHub{})
			b.Store = teststore.At(t, filepath.Join(t.TempDir(), "dora-exporter.db")).Store
			b.Since, b.Issues = month(3), &Jira{JQL: test.jql}
			must(t, b.Store.Update(t.Context(), func(tx dora.Tx) error { return tx.Backfill().SavePart("jira", test.known) }))
			p, resumed, err := b.beginIssues(t.Context(), "jira")
			if err != nil || resumed != test.resumed || !p.From.Equal(test.from) || p.Next != test.next || p.JQL != test.jql {
				t.Errorf("%+v, resumed %t, error %v", p, resumed, err)
			}
		})
	}
}
