package story

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"dora-exporter/demo"
	"dora-exporter/internal/testexporter"
)

// webhook is a request as GitHub or Jira sends it.
type webhook struct {
	path, body string
	header     map[string]string
}

// fromDemo converts a webhook of package demo, which is signed already.
func fromDemo(w demo.Webhook) webhook {
	return webhook{path: w.Path, body: string(w.Body), header: w.Header}
}

// gitHub makes a signed event of GitHub's, under a new GUID.
func gitHub(event, body string) webhook {
	return webhook{path: "/api/github", body: body, header: map[string]string{
		"Content-Type": "application/json", "X-GitHub-Event": event,
		"X-GitHub-Delivery": fmt.Sprintf("guid-%d", time.Now().UnixNano()), "X-Hub-Signature-256": sign(gitHubSecret, body),
	}}
}

// jira makes a signed event of Jira's.
func jira(body string) webhook {
	return webhook{path: "/api/jira", body: body, header: map[string]string{
		"Content-Type": "application/json; charset=utf-8", "X-Hub-Signature": sign(jiraSecret, body),
	}}
}

// with returns the webhook with a header left out or, with a value, changed.
func (w webhook) with(name, value string) webhook {
	header := map[string]string{name: value}
	for n, v := range w.header {
		if n != name {
			header[n] = v
		}
	}
	if value == "" {
		delete(header, name)
	}
	w.header = header
	return w
}

func sign(secret, body string) string { return demo.Sign(secret, []byte(body)) }

// post sends a webhook and returns the status, 0 when there was no answer.
func (e *exporter) post(w webhook) (int, string) {
	ctx, cancel := context.WithTimeout(context.Background(), testexporter.Patience)
	defer cancel()
	request, err := e.request(ctx, w)
	if err != nil {
		return 0, err.Error()
	}
	return e.do(request)
}

func (e *exporter) request(ctx context.Context, w webhook) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.address+w.path, strings.NewReader(w.body))
	if err != nil {
		return nil, err
	}
	for name, value := range w.header {
		request.Header.Set(name, value)
	}
	return request, nil
}

// mustPost sends a webhook, which must be taken. It is sent again if a slow machine could not store it in the 4 s in which it must
// be answered.
func (e *exporter) mustPost(w webhook) {
	e.Helper()
	for deadline := time.Now().Add(testexporter.Patience); ; {
		start := time.Now()
		status, body := e.post(w)
		if status == http.StatusAccepted {
			return
		}
		if status != http.StatusServiceUnavailable || time.Since(start) < 3*time.Second || start.After(deadline) {
			e.Errorf("%s %s: status %d: %s", w.path, w.body, status, body)
			return
		}
	}
}

func (e *exporter) get(path string) (int, string) {
	request, err := http.NewRequest(http.MethodGet, "http://"+e.address+path, http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	return e.do(request)
}

func (e *exporter) do(request *http.Request) (int, string) {
	answer, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(body)
}

// client asks for no compression: most of what the tests read is /metrics, again and again. TestFormatsOfMetrics has the compressed forms.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}}

// deployed is a deployment for which events are made.
type deployed struct {
	id                  int
	repo, env, sha, ref string
}

func (d deployed) json() string {
	return fmt.Sprintf(`{"id":%d,"sha":%q,"ref":%q,"environment":%q,"created_at":"2026-01-01T00:00:00Z"}`, d.id, d.sha, d.ref, d.env)
}

func (d deployed) repository() string {
	return fmt.Sprintf(`{"name":%q,"full_name":"acme/%s","owner":{"login":"acme"},"default_branch":"main","url":"https://api.github.com/repos/acme/%s"}`,
		d.repo, d.repo, d.repo)
}

func (d deployed) created() webhook {
	return gitHub("deployment", fmt.Sprintf(`{"action":"created","deployment":%s,"repository":%s}`, d.json(), d.repository()))
}

func (d deployed) status(id int, state string, at time.Time) webhook {
	return gitHub("deployment_status", fmt.Sprintf(
		`{"action":"created","deployment_status":{"id":%d,"state":%q,"created_at":%q},"deployment":%s,"repository":%s}`,
		id, state, at.UTC().Format(time.RFC3339), d.json(), d.repository()))
}
