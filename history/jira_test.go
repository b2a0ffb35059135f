package history

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/persistence/teststore"
	"dora-exporter/receivers"
)

// INC-7 was created as OPS-1 with the priority Low, raised, moved and resolved, reopened, and resolved again.
const anIssue = `{"id": "10007", "key": "INC-7", "self": "https://acme.atlassian.net/rest/api/2/issue/10007",
	"fields": {
		"summary": "Down", "created": "2025-03-01T09:00:00.000+0100", "updated": "2025-03-02T12:00:00.000+0100", "resolutiondate": "2025-03-02T12:00:00.000+0100",
		"project": {"key": "INC"}, "issuetype": {"name": "Incident"}, "priority": {"name": "High"}, "resolution": {"name": "Done"},
		"labels": ["live", "db"], "components": [{"name": "api"}], "customfield_1": {"value": "Shop"},
		"status": {"id": "3", "name": "Done", "statusCategory": {"key": "done"}}
	},
	"changelog": {"startAt": 0, "maxResults": 100, "total": 5, "histories": [
		{"id": "105", "created": "2025-03-02T12:00:00.000+0100", "items": [
			{"field": "resolution", "from": null, "fromString": null, "to": "1", "toString": "Done"}, {"field": "status", "from": "1", "fromString": "Open", "to": "3", "toString": "Done"}]},
		{"id": "104", "created": "2025-03-01T11:00:00.000+0100", "items": [
			{"field": "resolution", "from": "1", "fromString": "Done", "to": null, "toString": null}, {"field": "status", "from": "3", "fromString": "Done", "to": "1", "toString": "Open"}]},
		{"id": "103", "created": "2025-03-01T10:00:00.000+0100", "items": [
			{"field": "resolution", "from": null, "fromString": null, "to": "1", "toString": "Done"}, {"field": "status", "from": "1", "fromString": "Open", "to": "3", "toString": "Done"}]},
		{"id": "102", "created": "2025-03-01T09:20:00.000+0100", "items": [
			{"field": "project", "from": "1", "fromString": "Operations", "to": "2", "toString": "Incidents"}, {"field": "Key", "from": null, "fromString": "OPS-1", "to": null, "toString": "INC-7"}]},
		{"id": "101", "created": "2025-03-01T09:10:00.000+0100", "items": [
			{"field": "priority", "from": "4", "fromString": "Low", "to": "2", "toString": "High"}, {"field": "labels", "from": "", "fromString": "live", "to": "", "toString": "live db"},
			{"field": "Component", "from": null, "fromString": null, "to": "5", "toString": "api"}, {"field": "Team", "fieldId": "customfield_1", "fromString": "Web", "toString": "Shop"}]}
	]}}`

// The changes of an issue become the events that its webhooks would have been, each with the fields of then.
func TestEventsOfAnIssue(t *testing.T) {
	j := &Jira{TeamField: "customfield_1", Decode: receivers.NewIssueDecoder(receivers.JiraOptions{TeamField: "customfield_1"}, slog.New(slog.DiscardHandler))}
	s := site{categories: map[string]string{"1": "new", "3": "done"}}
	i, err := j.issue(t.Context(), s, json.RawMessage(anIssue))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, payload := range i.payloads(s, j.TeamField) {
		event, key, err := j.Decode(payload)
		if err != nil {
			t.Fatal(err)
		}
		c := event.Incident
		change := ""
		if c.Changelog != "" {
			change = key[strings.LastIndexByte(key, '/')+1:]
		}
		got = append(got, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s %s %s %s %s %v %v %v %s", c.Event, change, c.Timestamp.Format("02T15:04"), c.Key, c.Project, c.Priority,
			c.StatusName+"="+c.StatusCategory, c.Resolution, c.IssueLabels, c.Components, c.Teams, zeroless(c.ResolutionDate))), " "))
	}
	want := []string{
		"jira:issue_created 01T08:00 OPS-1 OPS Low Open=new [live] [] [Web]",
		"jira:issue_updated 101 01T08:10 OPS-1 OPS High Open=new [live db] [api] [Shop]",
		"jira:issue_updated 102 01T08:20 INC-7 INC High Open=new [live db] [api] [Shop]",
		"jira:issue_updated 103 01T09:00 INC-7 INC High Done=done Done [live db] [api] [Shop] 01T09:00",
		"jira:issue_updated 104 01T10:00 INC-7 INC High Open=new [live db] [api] [Shop]",
		"jira:issue_updated 105 02T11:00 INC-7 INC High Done=done Done [live db] [api] [Shop] 02T11:00",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func zeroless(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format("02T15:04")
}

// fakeJira answers a search of three issues, two a page, whose user is in Tokyo.
type fakeJira struct {
	kind  string
	asked []string
	// limited is how many calls it refuses at first.
	limited int
	// expired is a token that it does not know any more.
	expired string
}

func (f *fakeJira) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if user, token, ok := q.BasicAuth(); f.kind == "Cloud" && (!ok || user != "ann" || token != "secret") || f.kind == "Server" && q.Header.Get("Authorization") != "Bearer secret" {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	if f.limited > 0 {
		f.limited--
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	query := q.URL.Query()
	switch q.URL.Path {
	case "/rest/api/2/serverInfo":
		_, _ = fmt.Fprintf(w, `{"deploymentType": %q}`, f.kind)
	case "/rest/api/2/myself":
		_, _ = fmt.Fprint(w, `{"timeZone": "Asia/Tokyo"}`)
	case "/rest/api/2/status":
		_, _ = fmt.Fprint(w, `[{"id": "1", "statusCategory": {"key": "new"}}]`)
	case "/rest/api/3/search/jql":
		f.asked = append(f.asked, query.Get("jql")+" "+query.Get("nextPageToken"))
		if token := query.Get("nextPageToken"); token != "" && token == f.expired {
			http.Error(w, "the token has expired", http.StatusBadRequest)
		} else if token == "" {
			_, _ = fmt.Fprint(w, `{"issues": [`+listed(1)+`, `+listed(2)+`], "nextPageToken": "more"}`)
		} else {
			_, _ = fmt.Fprint(w, `{"issues": [`+listed(3)+`], "isLast": true}`)
		}
	case "/rest/api/2/search":
		f.asked = append(f.asked, query.Get("jql")+" "+query.Get("startAt"))
		if query.Get("startAt") == "" {
			_, _ = fmt.Fprint(w, `{"startAt": 0, "total": 3, "issues": [`+listed(1)+`, `+listed(2)+`]}`)
		} else {
			_, _ = fmt.Fprint(w, `{"startAt": 2, "total": 3, "issues": [`+listed(3)+`]}`)
		}
	default:
		http.NotFound(w, q)
	}
}

// listed returns an issue in the answer to a search.
func listed(id int) string {
	return fmt.Sprintf(`{"id": "%d", "key": "INC-%[1]d", "self": "https://acme.atlassian.net/rest/api/2/issue/%[1]d", "fields": {
		"created": "2025-03-01T09:00:00.000+0100", "project": {"key": "INC"}, "issuetype": {"name": "Incident"}, "status": {"id": "1"}}}`, id)
}

// Midnight of UTC is nine in the morning in Tokyo, and JQL has the times of the user.
func TestSearchOfIssues(t *testing.T) {
	const jql = `(project = INC) AND updated >= "2025-01-01 09:00" ORDER BY created ASC `
	for kind, want := range map[string][]string{"Cloud": {jql, jql + "more"}, "Server": {jql, jql + "2"}} {
		t.Run(kind, func(t *testing.T) {
			f := &fakeJira{kind: kind, limited: 2}
			server := httptest.NewServer(f)
			defer server.Close()
			var slept []time.Duration
			j := &Jira{
				BaseURL: server.URL + "/", Token: "secret", JQL: "project = INC", Client: server.Client(), Logger: slog.New(slog.DiscardHandler),
				Sleep: func(_ context.Context, d time.Duration) { slept = append(slept, d) },
			}
			if kind == "Cloud" {
				j.User = "ann"
			}
			s, err := j.site(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			p := issuesPart{From: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}
			issues := 0
			for !p.Done {
				found, err := j.search(t.Context(), s, p)
				if err != nil {
					t.Fatal(err)
				}
				issues += len(found.Issues)
				if p.Next, p.Done, err = found.next(s.cloud, p.Next); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(want, f.asked); diff != "" || issues != 3 {
				t.Errorf("%d issues; -want +got:\n%s", issues, diff)
			}
			if diff := cmp.Diff([]time.Duration{30 * time.Second, 30 * time.Second}, slept); diff != "" {
				t.Errorf("waits: -want +got:\n%s", diff)
			}
		})
	}
}

// A search is begun anew if Jira does not know the token of an earlier one any more, as after a week.
func TestSearchThatExpired(t *testing.T) {
	f := &fakeJira{kind: "Cloud", expired: "old"}
	server := httptest.NewServer(f)
	defer server.Close()
	b, _ := newTestBackfill(&scriptedGitHub{})
	b.Store = teststore.At(t, filepath.Join(t.TempDir(), "dora-exporter.db"))
	b.Issues = &Jira{BaseURL: server.URL, User: "ann", Token: "secret", JQL: "project = INC", Client: server.Client(), Logger: b.Logger, Decode: receivers.NewIssueDecoder(receivers.JiraOptions{}, b.Logger), Sleep: b.Sleep}
	p := issuesPart{From: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), Next: "old"}
	if err := b.readIssuesPart(t.Context(), site{cloud: true, zone: time.UTC}, "jira", p); err != nil {
		t.Fatal(err)
	}
	const jql = `(project = INC) AND updated >= "2025-01-01 00:00" ORDER BY created ASC `
	if diff := cmp.Diff([]string{jql + "old", jql, jql + "more"}, f.asked); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	f.expired, f.asked = "more", nil
	if err := b.readIssuesPart(t.Context(), site{cloud: true, zone: time.UTC}, "jira", issuesPart{}); err == nil || len(f.asked) != 2 {
		t.Errorf("a search that fails by itself: %v, %q", err, f.asked)
	}
}

// An answer that no Jira would give is an error.
func TestIssueWithoutFields(t *testing.T) {
	if _, err := (&Jira{}).issue(t.Context(), site{}, json.RawMessage(`{"id": "1", "key": "INC-1"}`)); err == nil || !strings.Contains(err.Error(), "INC-1") {
		t.Errorf("error %v", err)
	}
}

// A wrong token is no reason to try again and again.
func TestSearchWithAWrongToken(t *testing.T) {
	server := httptest.NewServer(&fakeJira{kind: "Cloud"})
	defer server.Close()
	j := &Jira{BaseURL: server.URL, User: "ann", Token: "wrong", Client: server.Client(), Logger: slog.New(slog.DiscardHandler), Sleep: func(context.Context, time.Duration) {}}
	if _, err := j.site(t.Context()); err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("error %v", err)
	}
}

// A search that does not go on, and an answer that is none, end with an error.
func TestOddAnswersOfSearch(t *testing.T) {
	issues := []json.RawMessage{json.RawMessage("{}")}
	for name, test := range map[string]struct {
		answer searchAnswer
		cloud  bool
		at     string
		isOdd  bool
	}{
		"the same token":                   {searchAnswer{Issues: issues, NextPageToken: "a"}, true, "a", true},
		"another token":                    {searchAnswer{Issues: issues, NextPageToken: "b"}, true, "a", false},
		"no token":                         {searchAnswer{Issues: issues}, true, "a", false},
		"an answer without issues":         {searchAnswer{}, true, "", true},
		"an empty page":                    {searchAnswer{Issues: issues[:0]}, true, "", false},
		"Data Center, the same first page": {searchAnswer{Issues: issues, Total: 9}, false, "1", true},
		"Data Center, the next page":       {searchAnswer{Issues: issues, StartAt: 1, Total: 9}, false, "1", false},
	} {
		if _, _, err := test.answer.next(test.cloud, test.at); (err != nil) != test.isOdd {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// If the time zone of the user is not known, the search begins a day earlier: at the date that the time has in the westernmost one.
func TestSearchWithoutTimeZone(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = fmt.Fprint(w, map[string]string{"/rest/api/2/status": "[]"}[q.URL.Path], map[bool]string{true: "{}"}[q.URL.Path != "/rest/api/2/status"])
	}))
	defer server.Close()
	j := &Jira{BaseURL: server.URL, JQL: "x", Client: server.Client(), Logger: slog.New(slog.DiscardHandler)}
	s, err := j.site(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const want = `(x) AND updated >= "2024-12-31 12:00" ORDER BY created ASC`
	if got := j.query(s, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
