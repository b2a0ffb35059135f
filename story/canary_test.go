package story

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"dora-exporter/internal/testexporter"
)

// No secret is in the log at debug level, on stdout or stderr, in an answer, in /metrics or in a file, whatever goes wrong.
func TestNoSecretIsTold(t *testing.T) {
	t.Parallel() // it waits most of the time
	github, backstage := newTalker(t), newTalker(t)
	e := newExporter(t, github.URL)
	metrics := testexporter.FreeAddress(t)
	_, port, err := net.SplitHostPort(e.address)
	if err != nil {
		t.Fatal(err)
	}
	e.write("config.yml", fmt.Sprintf(`server: {host: 127.0.0.1, port: %s, metrics_listen: %s}
github: {base_url: %s, webhook_secret_file: [hook, previous]}
jira: {webhook_secret: %s, webhook_token_file: token, webhook_token_in_url: true}
catalog: {mode: backstage, endpoint: %s, token_file: backstage}
`, port, metrics, github.URL, canaries["Jira's webhook secret"], backstage.URL))
	e.write("hook", canaries["GitHub's webhook secret"]+"\n")
	e.write("token", canaries["Jira's webhook token"]+"\n")
	e.write("previous", canaries["GitHub's previous secret"])
	e.write("backstage", canaries["Backstage token"]+"\n")
	e.write("web.yml", "basic_auth_users: {prometheus: "+canaryHash+"}\n")
	e.env = []string{"GITHUB_TOKEN=" + canaries["GitHub token"]}
	args := []string{"-log", "debug", "-web.config.file", "web.yml"}
	e.start(args...)

	see := func(method, url, user, password string) int {
		t.Helper()
		request, err := http.NewRequest(method, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			request.SetBasicAuth(user, password)
		}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		var text strings.Builder
		if err := answer.Header.Write(&text); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&text, answer.Body); err != nil {
			t.Fatal(err)
		}
		quiet(t, "the answer to "+method+" "+url, text.String())
		return answer.StatusCode
	}
	send := func(w webhook, want int) {
		t.Helper()
		status, body := e.post(w)
		quiet(t, "the answer to a webhook", body)
		if status != want {
			t.Errorf("status %d, want %d: %s", status, want, body)
		}
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	signed := func(w webhook, secret string) webhook { return w.with("X-Hub-Signature-256", sign(secret, w.body)) }
	event := func(id int) webhook {
		return deployed{id: id, repo: fmt.Sprintf("web%d", id), env: "production", sha: "c0ffee"}.status(id, "success", at)
	}
	send(signed(event(1), canaries["GitHub's webhook secret"]), 202)
	send(signed(event(2), canaries["GitHub's previous secret"]), 202)
	incident := jira(`{"timestamp":1,"webhookEvent":"jira:issue_created","issue":{"id":"1","key":"INC-1"}}`)
	send(incident.with("X-Hub-Signature", sign(canaries["Jira's webhook secret"], incident.body)), 202)
	token := canaries["Jira's webhook token"]
	send(incident.with("Authorization", "Bearer "+token), 202)
	inURL := incident.with("X-Hub-Signature", "sha256=00")
	inURL.path += "?token=" + token
	send(inURL, 202)
	inURL.path += "x"
	send(inURL, 401)
	inURL.path = "/api/jira/?token=" + token
	send(inURL, 404)
	see("GET", "http://"+e.address+"/api/jira?token="+token, "", "")
	// Senders with a wrong idea of a signature.
	send(event(3), 401)
	for _, header := range []string{canaries["GitHub's webhook secret"], "sha256=" + canaries["GitHub's webhook secret"], "sha1=" + canaries["GitHub's previous secret"]} {
		send(event(3).with("X-Hub-Signature-256", header).with("X-Hub-Token", header).with("Authorization", "Bearer "+header), 401)
	}
	send(signed(gitHub("deployment_status", "{"), canaries["GitHub's webhook secret"]), 400)
	send(webhook{path: "/api/github?secret=" + canaries["GitHub's webhook secret"], body: "{}"}, 415)
	send(webhook{path: "/api/" + canaries["GitHub's webhook secret"], body: "{}"}, 404)
	id := 100
	called := func(name string, who *talker, way func(http.ResponseWriter, *http.Request, string)) {
		t.Helper()
		e.kill() // which forgets how long it was to wait
		before := who.talks(way)
		lines := strings.Count(e.log.String(), " error=") // before what is left from the last round is tried again: a state is told once
		e.start(args...)
		id++
		send(signed(event(id), canaries["GitHub's webhook secret"]), 202)
		e.eventually(name+": the stand-in is called and the log says what is wrong", func() error {
			who.mu.Lock()
			defer who.mu.Unlock()
			if who.calls == before || strings.Count(e.log.String(), " error=") == lines {
				return fmt.Errorf("not yet")
			}
			return nil
		})
	}
	for name, way := range ways {
		called(name+" from Backstage", backstage, way)
	}
	backstage.talks(nil)
	for name, way := range ways {
		called(name+" from GitHub", github, way)
	}
	for _, path := range []string{"/", "/explain/metric", "/metrics", "/readyz", "/healthz", "/nope"} {
		want := 200
		if path == "/nope" {
			want = 404
		}
		if status := see("GET", "http://"+metrics+path, "prometheus", canaries["password"]); status != want {
			t.Errorf("%s: status %d", path, status)
		}
		for user, password := range map[string]string{"prometheus": "wrong", canaries["password"]: canaries["password"]} {
			if status := see("GET", "http://"+metrics+path, user, password); status != 401 {
				t.Errorf("%s with a wrong password: status %d", path, status)
			}
		}
		see("GET", "http://"+e.address+path, "prometheus", canaries["password"])
		see("DELETE", "http://"+e.address+path, "prometheus", canaries["password"])
	}
	github.mu.Lock()
	if github.tokens["Bearer "+canaries["GitHub token"]] == 0 {
		t.Errorf("GitHub's stand-in never saw the token: %v", github.tokens)
	}
	github.mu.Unlock()
	backstage.mu.Lock()
	if backstage.tokens["Bearer "+canaries["Backstage token"]] == 0 {
		t.Errorf("Backstage's stand-in never saw the token: %v", backstage.tokens)
	}
	backstage.mu.Unlock()
	e.terminate()
	e.start(args...) // with jobs that are left
	for _, s := range []*talker{github, backstage} {
		s.CloseClientConnections()
		s.Close() // connection refused from here on
	}
	lines := strings.Count(e.log.String(), "connection refused")
	e.eventually("the log tells of the outage", func() error {
		if strings.Count(e.log.String(), "connection refused") == lines {
			return fmt.Errorf("it says nothing")
		}
		return nil
	})
	if err := e.process.Process.Signal(syscall.SIGQUIT); err != nil { // prints every goroutine, as a crash does
		t.Fatal(err)
	}
	<-e.exited
	log := e.log.String()
	if !strings.Contains(log, "level=debug") || !strings.Contains(log, "goroutine 1 ") {
		t.Error("the log has no debug lines, or no goroutines")
	}
	quiet(t, "the log", log)
	e.filesAreQuiet("config.yml", "hook", "previous", "token", "backstage", "web.yml")
}
