package story

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// Calls and checks go through the proxy of the environment, and the exit status says whether a check failed.
func TestProxyAndCheck(t *testing.T) {
	t.Parallel()
	api := newGitHubAPI(t)
	api.addCommit("web", "c0ffee01", commit{message: "change", date: newYear})
	var refuse atomic.Bool
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Host != "github-cache.example.com":
			t.Errorf("the proxy was asked for %s", r.URL)
		case refuse.Load():
			http.Error(w, `{"message":"Bad credentials"}`, http.StatusUnauthorized)
		default:
			api.ServeHTTP(w, r)
		}
	}))
	defer proxy.Close()
	e := newExporter(t, "http://github-cache.example.com/")
	e.write("config.yml", e.read("config.yml")+"deployments: {settle: 100ms}\n")
	e.env = []string{"HTTP_PROXY=" + proxy.URL, "GITHUB_TOKEN=canary"}
	e.start()
	e.mustPost(deployed{id: 1, repo: "web", env: "production", sha: "c0ffee01"}.status(1, "success", newYear))
	e.eventually("the commit is looked up", e.idle)
	if api.called() == 0 {
		t.Error("the API was not called")
	}
	refuse.Store(true)
	status, out, stderr := e.runOnce("check", "-online", "-o", "json")
	var answer struct {
		OK       bool
		Findings []struct{ Check, Status, Text, Remedy string }
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatalf("%v in %q, %q", err, out, stderr)
	}
	failed := 0
	for _, f := range answer.Findings {
		if f.Status == "failed" {
			failed++
			if f.Check != "github" || f.Remedy != "GitHub refuses the token: renew github.token" {
				t.Errorf("%+v", f)
			}
		}
	}
	if status != 1 || answer.OK || failed != 1 || stderr != "" || strings.Contains(out, "canary") {
		t.Errorf("status %d, %q, %q", status, out, stderr)
	}
	if status, out, stderr := e.runOnce("check"); status != 0 || out != "✓ configuration: the configuration is valid\n" || stderr != "" {
		t.Errorf("status %d, %q, %q", status, out, stderr)
	}
	e.write("config.yml", e.read("config.yml")+"jira: {}\nserver: {}\n")
	if status, out, _ := e.runOnce("check"); status != 1 || strings.Count(out, "✗ configuration: config.yml:") != 2 {
		t.Errorf("status %d, %q", status, out)
	}
}
