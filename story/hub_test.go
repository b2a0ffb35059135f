package story

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dora-exporter/demo"
)

// hub is a stand-in for GitHub and Jira that sends webhooks once, remembers which of them failed, and answers for what has happened so far.
type hub struct {
	*testing.T
	server *httptest.Server
	github *demo.GitHub
	// showsHooks is true if the credential may read webhooks.
	showsHooks bool
	hookMade   time.Time

	mu       sync.RWMutex
	attempts []attempt // the oldest first
	issues   []map[string]any
}

// attempt is one to deliver a webhook.
type attempt struct {
	id      int
	at      time.Time
	status  int
	webhook demo.Webhook
}

func newHub(t *testing.T, showsHooks bool, repositories ...*demo.Repository) *hub {
	h := &hub{T: t, showsHooks: showsHooks, github: demo.NewGitHub(repositories...), hookMade: time.Now().Add(-24 * time.Hour)}
	h.server = httptest.NewServer(h)
	t.Cleanup(h.server.Close)
	return h
}

// deliver sends a webhook, and remembers what came of it.
func (h *hub) deliver(e *exporter, w demo.Webhook) {
	h.Helper()
	status, _ := e.post(fromDemo(w))
	if w.Path == "/api/github" {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.attempts = append(h.attempts, attempt{id: len(h.attempts) + 1, at: time.Now(), status: status, webhook: w})
	}
}

// happen changes what GitHub or Jira has.
func (h *hub) happen(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

func (h *hub) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	const hooks = "/orgs/acme/hooks"
	switch path := q.URL.Path; {
	case strings.HasPrefix(path, "/rest/api/"):
		h.serveJira(w, path)
	case strings.HasPrefix(path, hooks) && !h.showsHooks:
		answer(w, q, false, nil)
	case path == hooks:
		answer(w, q, true, []any{map[string]any{
			"id": 7, "active": true, "events": []string{"deployment", "deployment_status"}, "created_at": h.hookMade, "updated_at": h.hookMade,
			"config": map[string]string{"url": "https://dora.example.com/api/github", "content_type": "form"},
		}})
	case path == hooks+"/7/deliveries":
		h.listAttempts(w, q)
	case strings.HasPrefix(path, hooks+"/7/deliveries/"):
		h.serveAttempt(w, q, strings.TrimPrefix(path, hooks+"/7/deliveries/"))
	default:
		h.github.ServeHTTP(w, q)
	}
}

// listAttempts answers with a page of the attempts, the newest first.
func (h *hub) listAttempts(w http.ResponseWriter, q *http.Request) {
	const pageSize = 5
	before := len(h.attempts) + 1
	if cursor := q.URL.Query().Get("cursor"); cursor != "" {
		before, _ = strconv.Atoi(strings.TrimPrefix(cursor, "v1_"))
	}
	page := []any{}
	for _, a := range slices.Backward(h.attempts[:before-1]) {
		if len(page) == pageSize {
			w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?per_page=100&cursor=v1_%d>; rel="next"`, q.Host, q.URL.Path, a.id+1))
			break
		}
		page = append(page, map[string]any{
			"id": a.id, "guid": a.webhook.Header["X-GitHub-Delivery"], "delivered_at": a.at.UTC(), "status_code": a.status, "status": "failed to connect",
			"event": a.webhook.Header["X-GitHub-Event"], "action": "created",
		})
	}
	answer(w, q, true, page)
}

// serveAttempt answers with what an attempt has sent.
func (h *hub) serveAttempt(w http.ResponseWriter, q *http.Request, number string) {
	id, _ := strconv.Atoi(number)
	if id < 1 || id > len(h.attempts) {
		answer(w, q, false, nil)
		return
	}
	sent := h.attempts[id-1].webhook
	answer(w, q, true, map[string]any{"id": id, "request": map[string]any{"headers": sent.Header, "payload": json.RawMessage(sent.Body)}})
}

// serveJira answers as Data Center does.
func (h *hub) serveJira(w http.ResponseWriter, path string) {
	body := any(map[string]any{"startAt": 0, "total": len(h.issues), "issues": append([]map[string]any{}, h.issues...)})
	switch path {
	case "/rest/api/2/serverInfo":
		body = map[string]string{"deploymentType": "Server"}
	case "/rest/api/2/myself":
		body = map[string]string{"timeZone": "Pacific/Auckland"}
	case "/rest/api/2/status":
		body = []any{
			map[string]any{"id": "1", "statusCategory": map[string]string{"key": "new"}}, map[string]any{"id": "3", "statusCategory": map[string]string{"key": "done"}},
		}
	}
	_ = json.NewEncoder(w).Encode(body)
}
