package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/receivers"
)

// An issue that can't be read, or whose changes are hidden, keeps neither a backfill nor a repair from the others.
func TestUnreadableIssue(t *testing.T) {
	decode := receivers.NewIssueDecoder(receivers.JiraOptions{}, slog.New(slog.DiscardHandler))
	mux := http.NewServeMux()
	mux.HandleFunc(userPath, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "{}") })
	jira := httptest.NewServer(mux)
	defer jira.Close()
	j := &Jira{
		BaseURL: jira.URL, Client: jira.Client(), Logger: slog.New(slog.DiscardHandler), Sleep: func(context.Context, time.Duration) {},
		Decode: func(payload []byte) (dora.Event, string, error) {
			if strings.Contains(string(payload), "INC-1") {
				return dora.Event{}, "", errors.New("unreadable")
			}
			return decode(payload)
		},
	}
	f := newRepairing(t, &fakeHooks{})
	f.Issues = j
	hidden := strings.Replace(listed(3), `"fields"`, `"changelog": {"total": 101}, "fields"`, 1)
	issues := []json.RawMessage{json.RawMessage(listed(1)), json.RawMessage(hidden), json.RawMessage(listed(2))}
	c := newIssueCheck(f.Repair)
	for _, raw := range issues {
		must(t, c.checkIssue(t.Context(), site{}, raw, time.Time{}))
	}
	b := &Backfill{Issues: j, Store: f.Store, Logger: j.Logger, Now: f.Now, Sleep: f.Sleep}
	b.prepare()
	must(t, b.addIssues(t.Context(), site{}, issuesPart{}, issues))
	if diff := cmp.Diff([]string{"INC-1", "INC-3"}, b.progress.Failed); diff != "" {
		t.Errorf("failed: -want +got:\n%s", diff)
	}
	pending, err := f.store.Pending(t.Context(), f.hooks.now, 100)
	if err != nil || len(pending) != 1 || pending[0].Event.Incident.Key != "INC-2" {
		t.Errorf("%v, %v", pending, err)
	}
}

// A site that is suspended between a page of issues and their changes leaves no issue out: the page is read again when the site answers.
func TestSiteSuspendedWithinAPage(t *testing.T) {
	for name, test := range map[string]struct {
		status     int // of the answers while the site answers no user
		credential string
	}{
		"a suspended site": {http.StatusNotFound, jiraAddressKey},
		"an expired token": {http.StatusUnauthorized, jiraTokenKey},
	} {
		t.Run(name, func(t *testing.T) {
			f := newRepairing(t, &fakeHooks{})
			isSuspended := true
			page := `{"issues": [` + listed(1) + `, ` + strings.Replace(listed(2), `"fields"`, `"changelog": {"total": 1}, "fields"`, 1) + `], "isLast": true}`
			jira := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				isChanges := strings.HasSuffix(q.URL.Path, "/changelog")
				switch {
				case strings.HasSuffix(q.URL.Path, "/search/jql"):
					_, _ = fmt.Fprint(w, page)
				case isSuspended && isChanges:
					http.NotFound(w, q)
				case isSuspended:
					http.Error(w, "no", test.status)
				case isChanges:
					_, _ = fmt.Fprint(w, `{"total": 1, "values": [{"id": "7", "created": "2025-03-01T10:00:00.000+0100", "items": [{"field": "status", "from": "1", "to": "2", "toString": "Done"}]}]}`)
				default:
					_, _ = fmt.Fprint(w, "{}")
				}
			}))
			defer jira.Close()
			j := &Jira{BaseURL: jira.URL, Client: jira.Client(), Logger: f.Logger, Sleep: f.Sleep, Decode: receivers.NewIssueDecoder(receivers.JiraOptions{}, f.Logger)}
			f.Issues = j
			b := &Backfill{Issues: j, Store: f.Store, Logger: j.Logger, Now: f.Now, Sleep: f.Sleep}
			b.prepare()
			s := site{cloud: true, zone: time.UTC}
			read := func() error { return b.readIssuesPart(t.Context(), s, "jira", issuesPart{}) }
			refused := new(dora.RefusedError)
			if err := refusedByJira(read()); !errors.As(err, &refused) || refused.Credential != test.credential || !strings.Contains(err.Error(), "INC-2") {
				t.Errorf("error %v, want that Jira refuses %s after INC-2", err, test.credential)
			}
			if err := newIssueCheck(f.Repair).checkIssue(t.Context(), s, searched(t, page)[1], time.Time{}); err == nil {
				t.Error("a repair leaves the issue out")
			}
			must(t, f.Store.Update(t.Context(), func(tx dora.Tx) error {
				isKnown, err := tx.Backfill().Part("jira", new(issuesPart))
				if isKnown {
					t.Error("the page counts as read")
				}
				return err
			}))
			isSuspended = false
			must(t, read())
			pending, err := f.store.Pending(t.Context(), f.hooks.now, 100)
			if err != nil || len(pending) != 3 || len(b.progress.Failed) > 0 {
				t.Errorf("%v, %v, failed %q; want both issues and a change", pending, err, b.progress.Failed)
			}
		})
	}
}

// searched returns the issues of an answer to a search.
func searched(t *testing.T, page string) []json.RawMessage {
	t.Helper()
	var answer searchAnswer
	must(t, json.Unmarshal([]byte(page), &answer))
	return answer.Issues
}
