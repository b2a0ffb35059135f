package story

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCommandLine(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.write("bad.yml", "server:\n  prot: 8090\n")
	for name, test := range map[string]struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		"help":                 {[]string{"-h"}, 0, "-config.file", ""},
		"help, two dashes":     {[]string{"--help"}, 0, "GITHUB_WEBHOOK_SECRET", ""},
		"version":              {[]string{"--version"}, 0, "dora-exporter dev", ""},
		"unknown flag":         {[]string{"-nope"}, 2, "", "-nope"},
		"unknown level":        {[]string{"-log", "loud"}, 2, "", "must be one of: debug, info, warn, warning, error"},
		"named file missing":   {[]string{"-config.file=nope.yml"}, 1, "", "nope.yml: file does not exist"},
		"bad file":             {[]string{"--config.file", "bad.yml"}, 1, "", `bad.yml:2: unknown key "prot" under server: did you mean "port"?`},
		"a folder as the file": {[]string{"-config.file", "."}, 1, "", "can't be read"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := e.runOnce(test.args...)
			if status != test.status || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) {
				t.Errorf("status %d, want %d\nstdout %s\nstderr %s", status, test.status, stdout, stderr)
			}
			if test.status != 0 && strings.Count(stderr, "\n") != 1 {
				t.Errorf("not one message:\n%s", stderr)
			}
		})
	}
}

func TestASecondServerIsRefused(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	status, _, stderr := e.runOnce()
	if status != 1 || !strings.Contains(stderr, "another dora-exporter") {
		t.Errorf("status %d: %s", status, stderr)
	}
	if status, _ := e.get("/readyz"); status != 200 {
		t.Errorf("the first one is not ready any more: status %d", status)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
	good := d.status(1, "success", at)
	form := gitHub("deployment_status", url.Values{"payload": {d.status(2, "success", at).body}}.Encode()).
		with("Content-Type", "application/x-www-form-urlencoded")
	for name, test := range map[string]struct {
		webhook
		want int
	}{
		"signed":                 {good, 202},
		"again":                  {good, 202},
		"form":                   {form, 202},
		"the other secret":       {d.status(3, "success", at).with("X-Hub-Signature-256", sign("old-secret", d.status(3, "success", at).body)), 202},
		"ping":                   {gitHub("ping", `{"zen":"Keep it simple.","hook_id":7}`), 202},
		"another event":          {gitHub("push", `{}`), 202},
		"unsigned":               {good.with("X-Hub-Signature-256", ""), 401},
		"signed with another":    {good.with("X-Hub-Signature-256", sign("guess", good.body)), 401},
		"signature of another":   {good.with("X-Hub-Signature-256", sign(gitHubSecret, "{}")), 401},
		"SHA-1 alone":            {good.with("X-Hub-Signature-256", "").with("X-Hub-Signature", "sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709"), 401},
		"not JSON by its type":   {good.with("Content-Type", "text/plain"), 415},
		"not JSON":               {gitHub("deployment_status", "deploy!"), 400},
		"nothing in it":          {gitHub("deployment_status", "{}"), 400},
		"too large":              {gitHub("deployment_status", strings.Repeat(" ", 25<<20+1)), 413},
		"Jira, unsigned":         {jira(`{}`).with("X-Hub-Signature", ""), 401},
		"Jira, nothing in it":    {jira(`{}`), 400},
		"Jira, of no interest":   {jira(`{"webhookEvent":"comment_created"}`), 202},
		"another path":           {webhook{path: "/api/gitlab", body: "{}"}, 404},
		"posted to /metrics":     {webhook{path: "/metrics", body: "{}"}, 405},
		"posted to /healthz":     {webhook{path: "/healthz", body: "{}"}, 405},
		"Jira, all fields null":  {jira(`{"webhookEvent":"jira:issue_updated","timestamp":null,"issue":{"id":"1","key":"INC-9","self":null,"fields":null},"changelog":null}`), 202},
		"path in the repository": {deployed{id: 9, repo: "../../../admin", env: "e", sha: "s"}.created(), 202},
	} {
		t.Run(name, func(t *testing.T) {
			if status, body := e.post(test.webhook); status != test.want {
				t.Errorf("status %d, want %d: %s", status, test.want, body)
			}
		})
	}
	for path, want := range map[string]int{"/": 200, "/explain/metric": 200, "/explain/incident/INC-404": 404, "/healthz": 200, "/readyz": 200, "/metrics": 200, "/api/github": 405, "/api/jira": 405, "/nope": 404} {
		if status, body := e.get(path); status != want {
			t.Errorf("GET %s: status %d, want %d: %s", path, status, want, body)
		}
	}
	e.becomes(numbers{
		deploymentSeries("github_deployments_total", "production", "web", "success", "Platform"): 3,
	})
	if !strings.Contains(e.log.String(), "endpoint=github event=ping hook=7") {
		t.Error("the log does not say that the hook works")
	}
	if strings.Contains(e.log.String(), gitHubSecret) || strings.Contains(e.log.String(), jiraSecret) {
		t.Error("a secret is in the log")
	}
}

// What the existing exporter has written is the baseline: its values go on from there, over restarts, and nothing is reset.
func TestComingFromTheExistingExporter(t *testing.T) {
	t.Parallel()
	api := newGitHubAPI(t)
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	api.addCommit("web", "c0ffee", commit{message: "change", date: first})
	e := newExporter(t, api.server.URL)
	e.write("dora-exporter.prom", `# HELP go_goroutines Number of goroutines that currently exist.
# TYPE go_goroutines gauge
go_goroutines 11
# HELP github_deployments_duration The last deployments duration
# TYPE github_deployments_duration gauge
github_deployments_duration{environment="production",repo="web",status="success",team="Platform"} 2677.657175116
# HELP github_deployments_duration_sum The last deployments duration sum
# TYPE github_deployments_duration_sum gauge
github_deployments_duration_sum{environment="production",repo="web",status="success",team="Platform"} 94778.17152176499
# HELP github_deployments_total The amount of successful deployments.
# TYPE github_deployments_total counter
github_deployments_total{environment="production",repo="web",status="success",team="Platform"} 41
# HELP process_open_fds Number of open file descriptors.
# TYPE process_open_fds gauge
process_open_fds 9
`)
	e.start()
	stop := e.watch()
	series := func(family string) string {
		return deploymentSeries(family, "production", "web", "success", "Platform")
	}
	before := numbers{
		series("github_deployments_total"): 41, series("github_deployments_duration_sum"): 94778.17152176499,
		series("github_deployments_duration"): 2677.657175116,
	}
	e.becomes(before)
	e.kill()
	e.start()
	e.becomes(before)
	d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
	e.mustPost(d.status(1, "success", first.Add(1000*time.Second)))
	after := numbers{
		series("github_deployments_total"): 42, series("github_deployments_duration_sum"): 95778.17152176499,
		series("github_deployments_duration"): 1000,
	}
	e.becomes(after)
	e.terminate()
	e.start()
	e.becomes(after)
	stop()
	e.terminate()

	// The original file is put back by mistake: it is known.
	previous, err := filepath.Glob(filepath.Join(e.folder, "dora-exporter.prom*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range previous {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	e.start()
	e.becomes(after)
}

func TestWithoutAConfiguration(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	if err := os.Remove(filepath.Join(e.folder, "config.yml")); err != nil {
		t.Fatal(err)
	}
	e.address = "127.0.0.1:8090"
	e.launch()
	e.eventually("it starts with the defaults, or says that their port is taken", func() error {
		text := e.log.String()
		if !strings.Contains(text, "configuration file config.yml does not exist, using the defaults") ||
			!strings.Contains(text, "msg=ready") && !strings.Contains(text, "listen on :8090") {
			return fmt.Errorf("it says %s", text)
		}
		return nil
	})
}
