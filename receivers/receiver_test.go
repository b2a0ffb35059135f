package receivers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

const (
	gitHubSecret = "github-canary"
	jiraSecret   = "jira-canary"
)

// inbox keeps what it is given, once.
type inbox struct {
	deliveries []dora.Delivery
	keys       map[string]bool
	err        error
}

func (i *inbox) Accept(_ context.Context, d dora.Delivery) (bool, error) {
	if i.err != nil {
		return false, i.err
	}
	if i.keys[d.Key] {
		return true, nil
	}
	i.keys[d.Key] = true
	i.deliveries = append(i.deliveries, d)
	return false, nil
}

// bench is the receivers with everything around them.
type bench struct {
	inbox     inbox
	engine    *gin.Engine
	log       bytes.Buffer
	observed  []string
	refused   []string
	duplicate []string
}

func newBench(gitHubSecrets, jiraSecrets []string) *bench {
	return newBenchOf(Options{GitHub: oneAccount(gitHubSecrets...), Jira: JiraOptions{Secrets: jiraSecrets}})
}

// oneAccount is the account of all repositories.
func oneAccount(secrets ...string) GitHubOptions {
	return GitHubOptions{Secrets: [][]string{secrets}, AccountOf: func(string, string) (int, bool) { return 0, true }}
}

// newBenchOf completes options.
func newBenchOf(o Options) *bench {
	gin.SetMode(gin.ReleaseMode)
	b := &bench{engine: gin.New(), inbox: inbox{keys: map[string]bool{}}}
	b.engine.HandleMethodNotAllowed = true
	o.Inbox = &b.inbox
	o.Logger = slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Now = func() time.Time { return time.Unix(0, 0) }
	o.Observe = func(source, event, result string) { b.observed = append(b.observed, source+" "+event+" "+result) }
	o.OnDuplicate = func(key string) { b.duplicate = append(b.duplicate, key) }
	o.OnRefused = func(source, result, why string) { b.refused = append(b.refused, source+" "+result+": "+why) }
	New(o).Register(b.engine)
	return b
}

func signedBench() *bench { return newBench([]string{gitHubSecret}, []string{jiraSecret}) }

func (b *bench) post(path string, body io.Reader, header map[string]string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, path, body)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	b.engine.ServeHTTP(answer, request)
	return answer
}

// gitHub posts a signed event; header changes what is sent, an empty value leaves a header out.
func (b *bench) gitHub(event, body string, header ...string) *httptest.ResponseRecorder {
	return b.post("/api/github", strings.NewReader(body), headers(map[string]string{
		"Content-Type": jsonType, "X-GitHub-Event": event, "X-Hub-Signature-256": sign(gitHubSecret, body),
	}, header))
}

func (b *bench) jira(body string, header ...string) *httptest.ResponseRecorder {
	return b.post("/api/jira", strings.NewReader(body), headers(map[string]string{
		"Content-Type": jsonType + "; charset=utf-8", "X-Hub-Signature": sign(jiraSecret, body),
	}, header))
}

func headers(all map[string]string, changed []string) map[string]string {
	for i := 0; i < len(changed); i += 2 {
		if all[changed[i]] = changed[i+1]; changed[i+1] == "" {
			delete(all, changed[i])
		}
	}
	return all
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func examples(t testing.TB, pattern string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	all := map[string]string{}
	for _, path := range paths {
		all[path] = read(t, path)
	}
	return all
}

func TestEveryExampleOfGitHubIsTaken(t *testing.T) {
	for _, event := range []string{"deployment", "deployment_status", "ping"} {
		for path, body := range examples(t, "testdata/github/"+event+"-*.json") {
			b := signedBench()
			if answer := b.gitHub(event, body); answer.Code != http.StatusAccepted {
				t.Errorf("%s: status %d: %s", path, answer.Code, answer.Body)
			}
			if want := map[string]int{"deployment": 1, "deployment_status": 1, "ping": 0}[event]; len(b.inbox.deliveries) != want {
				t.Errorf("%s: %d deliveries, want %d", path, len(b.inbox.deliveries), want)
			}
		}
	}
}

const minimal = `{"deployment_status":{"id":3,"state":"success","created_at":"2026-01-15T12:00:00Z"},
	"deployment":{"id":2},"repository":{"full_name":"acme/web"}}`

func TestFormEncodedDelivery(t *testing.T) {
	b := signedBench()
	body := url.Values{"payload": {minimal}}.Encode()
	if answer := b.gitHub("deployment_status", body, "Content-Type", formType); answer.Code != http.StatusAccepted {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	if len(b.inbox.deliveries) != 1 || b.inbox.deliveries[0].Key != "github//deployment_status/3" {
		t.Errorf("deliveries %+v", b.inbox.deliveries)
	}
	// The signature is over the form, not over the field.
	answer := b.gitHub("deployment_status", body, "Content-Type", formType, "X-Hub-Signature-256", sign(gitHubSecret, minimal))
	if answer.Code != http.StatusUnauthorized {
		t.Errorf("signed over the field alone: status %d, want 401", answer.Code)
	}
}

func TestRefused(t *testing.T) {
	long := strings.Repeat(" ", maxBody+1)
	for name, test := range map[string]struct {
		answer func(*bench) *httptest.ResponseRecorder
		want   int
	}{
		"empty":     {func(b *bench) *httptest.ResponseRecorder { return b.gitHub("deployment", "") }, 400},
		"too large": {func(b *bench) *httptest.ResponseRecorder { return b.gitHub("deployment", long) }, 413},
		"gzip": {func(b *bench) *httptest.ResponseRecorder {
			return b.gitHub("deployment", "{}", "Content-Encoding", "gzip")
		}, 415},
		"text": {func(b *bench) *httptest.ResponseRecorder {
			return b.gitHub("deployment", "{}", "Content-Type", "text/plain")
		}, 415},
		"no content type":    {func(b *bench) *httptest.ResponseRecorder { return b.gitHub("deployment", "{}", "Content-Type", "") }, 415},
		"odd content type":   {func(b *bench) *httptest.ResponseRecorder { return b.gitHub("deployment", "{}", "Content-Type", ";;") }, 415},
		"no event":           {func(b *bench) *httptest.ResponseRecorder { return b.gitHub("", "{}", "X-GitHub-Event", "") }, 400},
		"invalid UTF-8":      {func(b *bench) *httptest.ResponseRecorder { return b.gitHub("ping", "{\"zen\":\"\xff\"}") }, 400},
		"trailing garbage":   {func(b *bench) *httptest.ResponseRecorder { return b.gitHub("deployment", minimal+"x") }, 400},
		"deep nesting":       {func(b *bench) *httptest.ResponseRecorder { return b.gitHub("deployment", strings.Repeat("[", 100_000)) }, 400},
		"form without it":    {func(b *bench) *httptest.ResponseRecorder { return b.gitHub("ping", "a=b", "Content-Type", formType) }, 400},
		"Jira takes no form": {func(b *bench) *httptest.ResponseRecorder { return b.jira("payload={}", "Content-Type", formType) }, 415},
		"endless": {func(b *bench) *httptest.ResponseRecorder {
			return b.post("/api/github", io.LimitReader(zeros{}, 1<<40), map[string]string{"Content-Type": jsonType})
		}, 413},
	} {
		t.Run(name, func(t *testing.T) {
			b := signedBench()
			answer := test.answer(b)
			if answer.Code != test.want {
				t.Errorf("status %d, want %d: %s", answer.Code, test.want, answer.Body)
			}
			if len(b.inbox.deliveries) != 0 {
				t.Errorf("stored: %+v", b.inbox.deliveries)
			}
			if answer.Body.Len() == 0 {
				t.Error("the answer does not say why")
			}
			if n := strings.Count(b.log.String(), "\n"); n != 1 {
				t.Errorf("%d log lines, want 1:\n%s", n, b.log.String())
			}
		})
	}
}

// A body may be as large as GitHub's own limit, whether it says its length or not.
func TestLargestBody(t *testing.T) {
	for more, want := range []int{http.StatusAccepted, http.StatusRequestEntityTooLarge} {
		for _, chunked := range []bool{false, true} {
			b, body := signedBench(), minimal+strings.Repeat(" ", maxBody+more-len(minimal))
			var from io.Reader = strings.NewReader(body)
			if chunked {
				from = io.MultiReader(from)
			}
			answer := b.post("/api/github", from, map[string]string{
				"Content-Type": jsonType, "X-GitHub-Event": "deployment_status", "X-Hub-Signature-256": sign(gitHubSecret, body),
			})
			if answer.Code != want {
				t.Errorf("%d bytes, chunked %t: status %d, want %d", len(body), chunked, answer.Code, want)
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestWhatTheInboxSays(t *testing.T) {
	b := signedBench()
	for range 2 { // the same event, as from two hooks
		if answer := b.gitHub("deployment_status", minimal, "X-GitHub-Delivery", fmt.Sprint(len(b.observed))); answer.Code != http.StatusAccepted {
			t.Errorf("status %d", answer.Code)
		}
	}
	b.inbox.err = errors.New("disk full: /secret/path")
	answer := b.gitHub("deployment_status", strings.Replace(minimal, `"id":3`, `"id":4`, 1))
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", answer.Code, answer.Header().Get("Retry-After"))
	}
	if strings.Contains(answer.Body.String(), "path") {
		t.Errorf("the sender is told about our disk: %s", answer.Body)
	}
	b.gitHub("push", "{}")
	b.gitHub("ping", `{"hook_id":7}`)
	b.gitHub("deployment_status", "{}")
	b.gitHub("deployment_status", minimal, "X-Hub-Signature-256", "")
	b.gitHub("deployment_status", strings.Replace(minimal, "{", `{"action":"deleted",`, 1))
	b.jira(`{"webhookEvent":"comment_created"}`)
	want := []string{
		"github deployment_status accepted", "github deployment_status duplicate", "github unknown unavailable",
		"github other ignored", "github ping ignored", "github unknown malformed", "github unknown unauthorized",
		"github deployment_status ignored", "jira other ignored",
	}
	if diff := cmp.Diff(want, b.observed); diff != "" {
		t.Errorf("observed: -want +got:\n%s", diff)
	}
	if len(b.inbox.deliveries) != 1 || !slices.Equal(b.duplicate, []string{b.inbox.deliveries[0].Key}) {
		t.Errorf("%d deliveries, want 1; came again %q, want that once", len(b.inbox.deliveries), b.duplicate)
	}
	refused := []string{
		"github unavailable: disk full: /secret/path", "github malformed: the payload of deployment_status: deployment is missing", "github unauthorized: signature missing or wrong: X-Hub-Signature-256",
	}
	if diff := cmp.Diff(refused, b.refused); diff != "" {
		t.Errorf("refused: -want +got:\n%s", diff)
	}
	if !strings.Contains(b.log.String(), `event=ping hook=7 note="the webhook works"`) {
		t.Errorf("the log does not say that the hook works:\n%s", b.log.String())
	}
}

func TestTheLogKeepsItsLinesAndSecrets(t *testing.T) {
	b := signedBench()
	b.gitHub("deployment", "body-canary", "X-GitHub-Delivery", "a\nlevel=error msg=forged")
	b.gitHub("deployment", "body-canary", "X-Hub-Signature-256", "sha256=00")
	if n := strings.Count(b.log.String(), "\n"); n != 2 {
		t.Errorf("%d lines for two requests:\n%s", n, b.log.String())
	}
	for _, canary := range []string{gitHubSecret, jiraSecret, "body-canary"} {
		if strings.Contains(b.log.String(), canary) {
			t.Errorf("%s is in the log", canary)
		}
	}
}

// An error that quotes the payload is told in some words.
func TestALongReasonIsCut(t *testing.T) {
	b := signedBench()
	answer := b.gitHub("deployment_status", `{"deployment_status":{"created_at":"`+strings.Repeat("é", 1<<20)+`"}}`)
	if answer.Code != http.StatusBadRequest || answer.Body.Len() > maxReason+10 || b.log.Len() > 2*maxReason+500 {
		t.Errorf("status %d, %d bytes, %d in the log: %.400s", answer.Code, answer.Body.Len(), b.log.Len(), answer.Body)
	}
}

func TestOtherMethods(t *testing.T) {
	for _, path := range []string{"/api/github", "/api/jira"} {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodHead} {
			answer := httptest.NewRecorder()
			signedBench().engine.ServeHTTP(answer, httptest.NewRequest(method, path, http.NoBody))
			if answer.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: status %d, want 405", method, path, answer.Code)
			}
		}
	}
}
