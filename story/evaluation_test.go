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
		if err := e.hasMetric(fmt.Sprintf("dora_exporter_github_paused{account=%q,reason=%q} 0", strings.TrimPrefix(server.URL, "http://"), reason)); err != nil {
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

// A comparison that GitHub never answers is given up, also when the exporter is killed meanwhile: the deployment ships the change of its own
// commit, and the next one is evaluated as ever. The log and the explanation say what is missing.
func TestAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	api := newGitHubAPI(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/acme/web/compare/c0ffee01...c0ffee02") {
			http.Error(w, `{"message":"Server Error"}`, http.StatusInternalServerError)
			return
		}
		api.ServeHTTP(w, r)
	}))
	defer server.Close()
	e := newExporter(t, server.URL)
	config := e.read("config.yml")
	e.write("config.yml", strings.Replace(config, "github:\n", "github:\n  give_up: 6s\n", 1)+"deployments:\n  settle: 1s\n")
	e.start()
	var events []webhook
	for id := 1; id <= 3; id++ {
		sha := fmt.Sprintf("c0ffee%02d", id)
		api.addCommit("web", sha, commit{message: "change", date: newYear})
		events = append(events, deployed{id: id, repo: "web", env: "production", sha: sha}.status(id, "success", newYear.Add(time.Duration(id)*time.Hour)))
	}
	e.postAll(events)
	e.eventually("the log warns", func() error {
		if !strings.Contains(e.log.String(), "evaluating deployment keeps failing: GitHub fails to answer a call although it answers others") {
			return fmt.Errorf("no warning")
		}
		return nil
	})
	e.kill()
	e.start()
	e.eventually("nothing waits", func() error { return e.hasMetric("dora_exporter_evaluations_waiting 0") })
	e.eventually("all changes count", func() error {
		return e.hasMetric(`dora_changes_total{environment="production",owner="acme",repo="web",team="Platform"} 3`)
	})
	if text := "evaluated deployment without answers that GitHub failed to give"; strings.Count(e.log.String(), text) != 1 {
		t.Errorf("the log has %q %d times, want once:\n%s", text, strings.Count(e.log.String(), text), e.log.String())
	}
	_, explained, _ := e.runOnce("explain", "deployment", "acme/web#2")
	for _, part := range []string{"no_answer: GitHub failed to compare its commit with the previous one", "without an answer of GitHub to GET", "/compare/c0ffee01...c0ffee02?"} {
		if !strings.Contains(explained, part) {
			t.Errorf("%q is not in the explanation:\n%s", part, explained)
		}
	}
}
