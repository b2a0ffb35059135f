package enrichment

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// published are examples of GitHub's published description of its REST API (https://github.com/octokit/openapi, MIT license), by path.
var published = map[string]string{
	"/orgs/octocat/hooks":                        "hooks.json",
	"/orgs/octocat/hooks/42/deliveries":          "deliveries.json",
	"/orgs/octocat/hooks/42/deliveries/12345678": "delivery.json",
	"/app": "app.json", "/app/hook/config": "app_hook.json",
}

// The answers that GitHub publishes are read as they are meant.
func TestPublishedAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{tokens: map[string]string{"canary": "octocat"}}
		s.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			text, err := os.ReadFile(filepath.Join("testdata", "published", published[r.URL.Path]))
			if err != nil {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(text)
			return true
		}
		b := newAccountsBench(t, map[string]*fakeServer{"api.github.com": s}, tokenAccount(gitHubURL, "canary", "octocat"))
		h := b.Hooks(0)
		const guid = "0b989ba4-242f-11e5-81e1-c7b6966d2516"
		want := []dora.HookDelivery{
			{ID: 12345678, GUID: guid, At: time.Date(2019, 6, 3, 0, 57, 16, 0, time.UTC), Status: 200, Event: "issues", Action: "opened"},
			{ID: 123456789, GUID: guid, At: time.Date(2019, 6, 4, 0, 57, 16, 0, time.UTC), Status: 200, Event: "issues", Action: "opened"},
		}
		page, next, err := h.Deliveries(t.Context(), "octocat", "/orgs/octocat/hooks/42", "")
		if diff := cmp.Diff(want, page); diff != "" || next != "" || err != nil {
			t.Errorf("Deliveries: %q, %v, -want +got:\n%s", next, err, diff)
		}
		payload, err := h.Payload(t.Context(), "octocat", "/orgs/octocat/hooks/42", 12345678)
		var got, sent object
		sent = object{"action": "opened", "issue": map[string]any{"body": "foo"}, "repository": map[string]any{"id": 123.0}}
		if decodeErr := json.Unmarshal(payload, &got); decodeErr != nil || err != nil {
			t.Fatal(err, decodeErr)
		}
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Errorf("Payload: -want +got:\n%s", diff)
		}
		g, err := h.client(t.Context(), "octocat", "")
		if err != nil {
			t.Fatal(err)
		}
		hooks, o := ask[[]hook](t.Context(), g, "/orgs/octocat/hooks")
		wantHook := hook{
			ID: 1, Active: true, Events: []string{"push", "pull_request"}, Config: hookConfig{URL: "http://example.com"},
			Created: time.Date(2011, 9, 6, 17, 26, 27, 0, time.UTC), Updated: time.Date(2011, 9, 6, 20, 39, 23, 0, time.UTC),
		}
		if diff := cmp.Diff([]hook{wantHook}, hooks); diff != "" || o.err != nil {
			t.Errorf("webhooks: %v, -want +got:\n%s", o.err, diff)
		}
		app, o := ask[appDescription](t.Context(), g, "/app")
		if diff := cmp.Diff(appDescription{Slug: "octoapp", Events: []string{"push", "pull_request"}}, app); diff != "" || o.err != nil {
			t.Errorf("the App: %v, -want +got:\n%s", o.err, diff)
		}
		config, o := ask[hookConfig](t.Context(), g, "/app/hook/config")
		if diff := cmp.Diff(hookConfig{URL: "https://example.com/webhook", Secret: "********"}, config); diff != "" || o.err != nil {
			t.Errorf("the App's webhook: %v, -want +got:\n%s", o.err, diff)
		}
	})
}
