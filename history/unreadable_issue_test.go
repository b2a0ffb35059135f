package history

import (
	"context"
	"encoding/json"
	"errors"
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
	jira := httptest.NewServer(http.NotFoundHandler())
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
