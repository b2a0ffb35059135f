package story

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// unavailable is a series of the durations that can't be had.
func unavailable(env, reason, repo, status, team string) string {
	return fmt.Sprintf("github_deployments_duration_unavailable_total{environment=%q,reason=%q,repo=%q,status=%q,team=%q}", env, reason, repo, status, team)
}

var oneRequest = regexp.MustCompile(`^/repos/([A-Za-z0-9._-]+)/([A-Za-z0-9._-]+)/commits/([0-9a-f]+)(/pulls)?(\?per_page=\d+)?$`)

// gitHubName is what GitHub can have as the name of an owner or a repository.
var gitHubName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// Names of any kind, in any place, are counted under themselves, leave /metrics valid, the log one line for each event, and
// reach the GitHub API only if it can have them.
func TestHostileNames(t *testing.T) {
	t.Parallel() // it waits for look-ups
	api := newRecorder(t)
	e := newExporter(t, api.URL)
	e.start("-log", "debug")
	want := numbers{}
	sent := map[string]bool{} // owner, repository and commit of what may be asked for
	id, events := 0, 0
	status := func(owner, repo, env, sha, state, reason, team string) {
		t.Helper()
		id++
		events++
		w := gitHub("deployment_status", encode(object{
			"deployment_status": object{"id": id, "state": state, "created_at": newYear},
			"deployment":        object{"id": id, "sha": sha, "ref": "main", "environment": env},
			"repository":        object{"name": repo, "owner": object{"login": owner}, "url": "https://api.github.com/repos/acme/web"},
		}))
		e.mustPost(w.with("User-Agent", header(env)).with("X-GitHub-Delivery", header(state+owner)))
		sent[owner+"\x00"+repo+"\x00"+sha] = true
		want[deploymentSeries("github_deployments_total", label(env), label(repo), label(state), team)]++
		if reason != "" {
			want[unavailable(label(env), reason, label(repo), label(state), team)]++
			return
		}
		want[deploymentSeries("github_deployments_duration_sum", label(env), label(repo), label(state), team)] += 60
		want[deploymentSeries("github_deployments_duration", label(env), label(repo), label(state), team)] = 60
	}
	incidents := 0
	for what, name := range names {
		reason := ""
		if !gitHubName.MatchString(name) || name == ".." {
			reason = "invalid_name"
		}
		status("acme", "web", name, "c0ffee", "success", "", "Platform")
		status("acme", name, "production", "c0ffee", "success", reason, "Platform")
		status(name, "owned-by-"+strings.ReplaceAll(what, " ", "-"), "production", "c0ffee", "success", reason, "Unknown")
		status("acme", "web", "commit "+what, name, "success", "invalid_name", "Platform")
		status("acme", "web", "state", "c0ffee", name, "", "Platform")
		change := func(identifier string) webhook {
			return jira(encode(object{
				"timestamp": 1, "webhookEvent": "jira:issue_updated", "changelog": object{"id": identifier},
				"issue": object{"id": identifier, "key": name, "self": identifier, "fields": object{
					"created": "2026-01-01T00:00:00.000+0000", "resolutiondate": "2026-01-01T01:00:00.000+0000",
					"project": object{"key": name}, "status": object{"name": name},
				}},
			}))
		}
		identifier := name
		if len(name) > 1<<10 { // identifiers are never cut, since two could become the same
			if status, text := e.post(change(name)); status != 400 || !strings.Contains(text, "at most 1024 are stored") {
				t.Errorf("%s as an identifier: status %d, want 400: %.300s", what, status, text)
			}
			identifier = what
		}
		e.mustPost(change(identifier))
		incidents++
		want[fmt.Sprintf("jira_incidents{project=%q,team=%q}", label(name), "Unknown")] = 1
		want[fmt.Sprintf("jira_incidents_duration_sum{project=%q,team=%q}", label(name), "Unknown")] = 3600
		e.mustPost(gitHub("event "+header(name), "{}")) // of no interest
		// Refused: an answer and a line that are as long as any other.
		for _, w := range []webhook{
			gitHub("deployment_status", encode(object{"deployment_status": object{"created_at": name}})),
			gitHub("deployment_status", encode(object{"deployment": name})),
			gitHub("deployment", `{"deployment":{"id":`+strings.Repeat("9", len(name))+strings.Repeat("9", 30)+`}}`),
			jira(encode(object{"webhookEvent": "jira:issue_updated", "issue": name})),
		} {
			if status, text := e.post(w); status != 400 || len(text) > 1000 {
				t.Errorf("%s: status %d, want 400 in some words: %d bytes, %.300s", what, status, len(text), text)
			}
		}
	}
	e.becomes(want)
	e.terminate()

	api.mu.Lock()
	defer api.mu.Unlock()
	for _, uri := range api.asked {
		m := oneRequest.FindStringSubmatch(uri)
		if m == nil {
			t.Errorf("GitHub was asked for %.300q", uri)
			continue
		}
		if !sent[strings.Join(m[1:4], "\x00")] {
			t.Errorf("GitHub was asked for %.300q, which nobody sent", uri)
		}
	}
	e.logIsSound(events, incidents)
}

// header is as much of a name as can be the value of a header.
func header(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, name)
	return name[:min(len(name), 20_000)]
}

// logIsSound checks that each line of the log is one that the exporter wrote: of a bounded length, without a character that a
// terminal acts on, and as many for events as there were events.
func (e *exporter) logIsSound(deployments, incidents int) {
	e.Helper()
	counted := map[string]int{}
	for line := range strings.Lines(e.log.String()) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "time=20") || len(line) > 30_000 || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			e.Errorf("a line of %d bytes: %.300q", len(line), line)
		}
		for _, begin := range []string{"level=info endpoint=github environment=", "level=info endpoint=jira event=", "level=error"} {
			if _, rest, _ := strings.Cut(line, " "); strings.HasPrefix(rest, begin) {
				counted[begin]++
				if begin == "level=error" {
					e.Errorf("logged: %.300s", line)
				}
			}
		}
	}
	for begin, want := range map[string]int{
		"level=info endpoint=github environment=": deployments, "level=info endpoint=jira event=": incidents, "level=error": 0,
	} {
		if counted[begin] != want {
			e.Errorf("%d lines begin with %s, want %d", counted[begin], begin, want)
		}
	}
}
