package story

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A comparison that GitHub always answers with 500 stops its environment. The log says so once, the metrics show what waits, and
// neither another environment nor another repository waits for it.
func TestFailingEvaluation(t *testing.T) {
	t.Parallel()
	api := newGitHubAPI(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/acme/web/compare/") {
			http.Error(w, `{"message":"Server Error"}`, http.StatusInternalServerError)
			return
		}
		api.ServeHTTP(w, r)
	}))
	defer server.Close()
	e := newExporter(t, server.URL)
	e.write("config.yml", e.read("config.yml")+"deployments:\n  settle: 1s\n")
	e.start()
	var events []webhook
	for id := 1; id <= 12; id++ {
		sha := fmt.Sprintf("c0ffee%02d", id)
		for _, repo := range []string{"web", "shop"} {
			api.addCommit(repo, sha, commit{message: "change", date: newYear})
		}
		at := newYear.Add(time.Duration(id) * time.Hour)
		events = append(events,
			deployed{id: id, repo: "web", env: "production", sha: sha}.status(id, "success", at),
			deployed{id: 100 + id, repo: "web", env: "staging", sha: "c0ffee01"}.status(100+id, "success", at),
			deployed{id: 200 + id, repo: "shop", env: "production", sha: sha}.status(200+id, "success", at))
	}
	e.postAll(events)
	// The first of web's production and its outcome are evaluated, the other eleven wait.
	e.eventually("all others are evaluated", func() error { return e.hasMetric("dora_exporter_evaluations_waiting 11") })
	e.eventually("they are due", func() error { return e.hasMetric("dora_exporter_evaluations_due 11") })
	e.eventually("the log warns", func() error {
		if !strings.Contains(e.log.String(), "evaluating deployment keeps failing") {
			return fmt.Errorf("no warning")
		}
		return nil
	})
	_, text := e.get("/metrics")
	var age float64
	_, after, _ := strings.Cut(text, "\ndora_exporter_evaluations_oldest_waiting_seconds ")
	if _, err := fmt.Sscan(after, &age); err != nil || age < 1 || age > 120 {
		t.Errorf("the oldest has waited for %v s, error %v", age, err)
	}
	for _, reason := range []string{"failing", "rate_limit", "refused"} {
		if err := e.hasMetric(fmt.Sprintf("dora_exporter_github_paused{reason=%q} 0", reason)); err != nil {
			t.Error(err)
		}
	}
	warnings := 0
	for line := range strings.Lines(e.log.String()) {
		if strings.Contains(line, "level=warn") && strings.Contains(line, "evaluating") {
			warnings++
			for _, part := range []string{"owner=acme", "repository=web", "environment=production", "deployment=2", "500 Internal Server Error"} {
				if !strings.Contains(line, part) {
					t.Errorf("%q is not in the warning %s", part, line)
				}
			}
		}
		if strings.Contains(line, "pausing GitHub API calls") {
			t.Errorf("calls about everything are paused: %s", line)
		}
	}
	if warnings != 1 {
		t.Errorf("%d warnings, want 1", warnings)
	}
}
