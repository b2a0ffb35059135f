package story

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// With Backstage a count waits for its team; while Backstage is down nothing is counted under a wrong one.
func TestBackstage(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	down.Store(true)
	backstage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		filter := r.URL.Query().Get("filter")
		switch {
		case down.Load():
			http.Error(w, "starting", http.StatusServiceUnavailable)
		case r.URL.Path != "/base/api/catalog/entities" || r.Header.Get("Authorization") != "Bearer backstage-token":
			http.Error(w, "no", http.StatusUnauthorized)
		case filter == "metadata.annotations.github.com/project-slug=acme/web":
			_, _ = fmt.Fprint(w, `[{"kind":"Component","metadata":{"name":"web"},"spec":{"owner":"old"},
				"relations":[{"type":"ownedBy","targetRef":"group:default/platform"}]}]`)
		case filter == "metadata.annotations.jira/project-key=INC":
			_, _ = fmt.Fprint(w, `[{"kind":"Component","metadata":{"name":"web"},"spec":{"owner":"support"}}]`)
		default:
			_, _ = fmt.Fprint(w, `[]`)
		}
	}))
	defer backstage.Close()
	api := newGitHubAPI(t)
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	api.addCommit("web", "c0ffee", commit{message: "change", date: first})
	api.addCommit("other", "c0ffee", commit{message: "change", date: first})

	e := newExporter(t, api.server.URL)
	config, _, _ := strings.Cut(e.read("config.yml"), "teams:")
	e.write("config.yml", config+fmt.Sprintf("catalog: {mode: backstage, endpoint: %s/base/, token: backstage-token}\n", backstage.URL))
	e.start()
	want := newTruth()
	for i, repo := range []string{"web", "other"} {
		d := deployed{id: i + 1, repo: repo, env: "production", sha: "c0ffee"}
		at := first.Add(time.Hour)
		e.mustPost(d.status(i+1, "success", at))
		want.status(d, map[string]string{"web": "platform", "other": "Unknown"}[repo], i+1, "success", at, first)
	}
	e.mustPost(jira(`{"timestamp":1,"webhookEvent":"jira:issue_updated","issue":{"id":"1","key":"INC-1","fields":{"created":"2026-01-01T00:00:00.000+0000","resolutiondate":"2026-01-01T01:00:00.000+0000"}},"changelog":{"id":"1"}}`))
	want.numbers[`jira_incidents{project="INC",team="support"}`] = 1
	want.numbers[`jira_incidents_duration_sum{project="INC",team="support"}`] = 3600
	e.remains("nothing is counted without a team", time.Second, func() error {
		if n, err := e.scrape(); err != nil || len(n.nonZero()) > 0 {
			return fmt.Errorf("%v, %w", n, err)
		}
		return nil
	})
	e.kill() // the wait goes on after a restart
	e.start()
	down.Store(false)
	e.becomes(want.numbers)
}
