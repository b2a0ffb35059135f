package enrichment

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

const hooksOfAcme = `[
	{"id":1,"active":true,"events":["push"],"config":{"url":"https://dora.example.com/api/github"}},
	{"id":2,"active":false,"events":["*"],"config":{"url":"https://dora.example.com/api/github"}},
	{"id":3,"active":true,"events":["*"],"config":{"url":"https://ci.example.com/"}},
	{"id":4,"active":true,"events":["deployment","push"],"config":{"url":"https://dora.example.com/api/github"}},
	{"id":7,"active":true,"events":["deployment_status"],"created_at":"2026-01-01T08:00:00Z","updated_at":"2026-01-02T08:00:00Z","config":{"url":"https://dora.example.com/api/github/"}}]`

// serveHooks answers calls about webhooks.
func serveHooks(w http.ResponseWriter, r *http.Request) bool {
	const attempt = `[{"id":12,"guid":"g","delivered_at":"2026-01-03T08:00:00Z","redelivery":true,"status_code":502,"event":"deployment_status","action":"created"}]`
	path := r.Method + " " + r.URL.Path
	answers := map[string]string{
		"GET /orgs/acme/hooks": hooksOfAcme, "GET /app/hook/config": `{"url":"https://dora.example.com/api/github"}`, "GET /app": `{"slug":"dora","events":["deployment","deployment_status"]}`,
		"GET /orgs/acme/hooks/7/deliveries": attempt, "GET /app/hook/deliveries": attempt,
		"GET /orgs/acme/hooks/7/deliveries/12": `{"request":{"headers":{},"payload":{"a":1}}}`, "GET /orgs/acme/hooks/7/deliveries/13": `{"request":{"payload":null}}`,
	}
	switch text, known := answers[path]; {
	case path == "POST /orgs/acme/hooks/7/deliveries/13/attempts":
		w.WriteHeader(http.StatusAccepted)
	case r.URL.Query().Get("cursor") == "old":
		serveJSON(w, http.StatusUnprocessableEntity, object{"message": "Invalid cursor"})
	case known:
		if strings.HasSuffix(path, "/deliveries") && r.URL.Query().Get("cursor") == "" {
			w.Header().Set("Link", fmt.Sprintf(`<https://%s%s?per_page=100&cursor=v1_9>; rel="next"`, r.URL.Host, r.URL.Path))
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, text)
	case strings.Contains(path, "hook"):
		serveJSON(w, http.StatusForbidden, object{"message": "Resource not accessible by personal access token"})
	default:
		return false
	}
	return true
}

func TestHooksOfAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{tokens: map[string]string{"canary": "acme"}, intercept: serveHooks}
		b := newAccountsBench(t, map[string]*fakeServer{"api.github.com": s}, tokenAccount(gitHubURL, "canary", "acme"))
		h := b.Hooks(0)
		hooks, err := h.OfOwner(t.Context(), "acme")
		want := []dora.Hook{{Path: "/orgs/acme/hooks/7", Changed: time.Date(2026, 1, 2, 8, 0, 0, 0, time.UTC)}}
		if diff := cmp.Diff(want, hooks); diff != "" || err != nil {
			t.Errorf("OfOwner: %v, -want +got:\n%s", err, diff)
		}
		page, next, err := h.Deliveries(t.Context(), "acme", "/orgs/acme/hooks/7", "")
		at := time.Date(2026, 1, 3, 8, 0, 0, 0, time.UTC)
		if diff := cmp.Diff([]dora.HookDelivery{{ID: 12, GUID: "g", At: at, Status: 502, Event: "deployment_status", Action: "created"}}, page); diff != "" || next != "v1_9" || err != nil {
			t.Errorf("Deliveries: %q, %v, -want +got:\n%s", next, err, diff)
		}
		if _, next, err := h.Deliveries(t.Context(), "acme", "/orgs/acme/hooks/7", "v1_9"); next != "" || err != nil {
			t.Errorf("the last page: %q, %v", next, err)
		}
		if payload, err := h.Payload(t.Context(), "acme", "/orgs/acme/hooks/7", 12); string(payload) != `{"a":1}` || err != nil {
			t.Errorf("Payload: %s, %v", payload, err)
		}
		if payload, err := h.Payload(t.Context(), "acme", "/orgs/acme/hooks/7", 13); payload != nil || err != nil {
			t.Errorf("a payload that is gone: %s, %v", payload, err)
		}
		if err := h.Redeliver(t.Context(), "acme", "/orgs/acme/hooks/7", 13); err != nil {
			t.Error(err)
		}
		const refused = "POST https://api.github.com/orgs/acme/hooks/7/deliveries/14/attempts: 403 Forbidden"
		if err := h.Redeliver(t.Context(), "acme", "/orgs/acme/hooks/7", 14); err == nil || !strings.Contains(err.Error(), refused) {
			t.Errorf("a redelivery that is refused: %v", err)
		}
		for what, err := range map[string]error{
			"an old cursor":         second(h.Deliveries(t.Context(), "acme", "/orgs/acme/hooks/7", "old")),
			"a payload":             last(h.Payload(t.Context(), "acme", "/orgs/acme/hooks/7", 14)),
			"a redelivery":          h.Redeliver(t.Context(), "acme", "/orgs/acme/hooks/7", 14),
			"hooks of a repository": last(h.OfRepository(t.Context(), "acme", "web")),
		} {
			if !errors.Is(err, dora.ErrNoHooks) {
				t.Errorf("%s: %v", what, err)
			}
		}
		b.works(t, "api.github.com", "acme") // the refusals say nothing about other calls
		if b.failing["github.com/acme"] || b.paused["github.com/acme"] != "" || b.inaccessible["github.com/acme"] != 0 {
			t.Errorf("failing %v, paused %v, inaccessible %v", b.failing, b.paused, b.inaccessible)
		}
	})
}

func second[A, B any](_ A, _ B, err error) error { return err }
func last[A any](_ A, err error) error           { return err }

// A rate limit that a call about webhooks meets holds up all calls of the account, and the other way round.
func TestRateLimitOfHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := true
		s := &fakeServer{tokens: map[string]string{"canary": "acme"}}
		s.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if limited {
				w.Header().Set("Retry-After", "60")
				serveJSON(w, http.StatusForbidden, object{"message": "You have exceeded a secondary rate limit"})
				return true
			}
			return serveHooks(w, r)
		}
		b := newAccountsBench(t, map[string]*fakeServer{"api.github.com": s}, tokenAccount(gitHubURL, "canary", "acme"), tokenAccount(gitHubURL, "canary2", "other"))
		var limit *dora.LimitedError
		if _, err := b.Hooks(0).OfOwner(t.Context(), "acme"); !errors.As(err, &limit) || limit.Wait != time.Minute {
			t.Errorf("at the limit: %v", err)
		}
		calls := len(s.calls)
		var paused *dora.PausedError
		if err := b.ask(t, "api.github.com", "acme", "web"); !errors.As(err, &paused) {
			t.Errorf("a look-up while calls are paused: %v", err)
		}
		if _, err := b.Hooks(0).OfOwner(t.Context(), "acme"); !errors.As(err, &paused) || len(s.calls) != calls {
			t.Errorf("webhooks while calls are paused: %v", err)
		}
		limited = false
		time.Sleep(time.Minute)
		if _, err := b.Hooks(0).OfOwner(t.Context(), "acme"); err != nil {
			t.Errorf("after the limit: %v", err)
		}
		b.works(t, "api.github.com", "acme")
	})
}

// The webhook of an App is read as the App, whatever its installations are.
func TestHookOfApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{installations: []fakeInstallation{{id: 1, owner: "acme", suspended: true}}}
		b := newAppBench(t, s)
		withoutPrefix := s.intercept
		s.intercept = func(w http.ResponseWriter, r *http.Request) bool { return withoutPrefix(w, r) || serveHooks(w, r) }
		h := b.Hooks(1)
		hooks, err := h.OfApp(t.Context())
		if diff := cmp.Diff([]dora.Hook{{Path: "/app/hook"}}, hooks); diff != "" || err != nil {
			t.Errorf("OfApp: %v, -want +got:\n%s", err, diff)
		}
		if page, _, err := h.Deliveries(t.Context(), "", "/app/hook", ""); len(page) != 1 || err != nil {
			t.Errorf("Deliveries: %v, %v", page, err)
		}
		var inaccessible *dora.InaccessibleError
		if err := h.Available(t.Context(), "acme"); !errors.As(err, &inaccessible) {
			t.Errorf("a suspended installation: %v", err)
		}
		if hooks, err := b.Hooks(0).OfApp(t.Context()); hooks != nil || err != nil {
			t.Errorf("an account with a token: %v, %v", hooks, err)
		}
	})
}

// The webhook of an App stands for all events only if it has statuses of deployments.
func TestEventsOfApp(t *testing.T) {
	for name, test := range map[string]struct {
		url, events string
		found       bool
	}{
		"both events":        {"https://dora.example.com/api/github", `["deployment","deployment_status"]`, true},
		"only statuses":      {"https://dora.example.com/api/github", `["deployment_status"]`, true},
		"only deployments":   {"https://dora.example.com/api/github", `["deployment","push"]`, false},
		"no events":          {"https://dora.example.com/api/github", `[]`, false},
		"another's receiver": {"https://ci.example.com/", `["deployment_status"]`, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{}
				b := newAppBench(t, s)
				withoutPrefix := s.intercept
				answers := map[string]string{"/app/hook/config": fmt.Sprintf(`{"url":%q}`, test.url), "/app": fmt.Sprintf(`{"slug":"dora","events":%s}`, test.events)}
				s.intercept = func(w http.ResponseWriter, r *http.Request) bool {
					if withoutPrefix(w, r) {
						return true
					}
					w.Header().Set("Content-Type", "application/json")
					_, _ = fmt.Fprint(w, answers[r.URL.Path])
					return true
				}
				if hooks, err := b.Hooks(1).OfApp(t.Context()); (len(hooks) == 1) != test.found || err != nil {
					t.Errorf("OfApp: %v, %v", hooks, err)
				}
			})
		})
	}
}
