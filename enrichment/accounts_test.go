package enrichment

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

const (
	gitHubURL = "https://api.github.com/"
	serverURL = "https://ghe.example.com/api/v3/"
)

// withoutPrefix serves an Enterprise Server's API at its root.
func withoutPrefix(s *fakeServer) *fakeServer {
	s.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/api/v3")
		return false
	}
	return s
}

func tokenAccount(base, token string, owners ...string) Account {
	return Account{Account: dora.Account{BaseURL: base, Owners: owners}, Token: token}
}

func TestAccountOfEachRepository(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gitHub := &fakeServer{tokens: map[string]string{"canary-a": "acme", "canary-b": "beta", "canary-rest": "other"}}
		server := withoutPrefix(&fakeServer{tokens: map[string]string{"canary-s": "acme"}})
		b := newAccountsBench(t, map[string]*fakeServer{"api.github.com": gitHub, "ghe.example.com": server},
			tokenAccount(gitHubURL, "canary-a", "Acme"), tokenAccount(gitHubURL, "canary-b", "beta", "gamma"),
			tokenAccount(serverURL, "canary-s", "acme"), tokenAccount(gitHubURL, "canary-rest"))
		for _, r := range []struct {
			host, owner string
			asked       *fakeServer
		}{
			{"api.github.com", "acme", gitHub},
			{"api.github.com", "ACME", gitHub},
			{"api.github.com", "beta", gitHub},
			{"api.github.com", "other", gitHub},
			{"ghe.example.com", "acme", server},
		} {
			gitHub.calls, server.calls = nil, nil
			b.works(t, r.host, r.owner)
			if len(r.asked.calls) != 2 || len(gitHub.calls)+len(server.calls) != 2 {
				t.Errorf("%s on %s: asked github.com for %q and the server for %q", r.owner, r.host, gitHub.calls, server.calls)
			}
		}
		want := map[string]bool{"github.com/acme": false, "github.com/beta": false, "ghe.example.com/acme": false, "github.com": false}
		if diff := cmp.Diff(want, b.failing); diff != "" {
			t.Errorf("accounts: -want +got:\n%s", diff)
		}
	})
}

func TestRepositoryWithoutAccount(t *testing.T) {
	gitHub := &fakeServer{tokens: map[string]string{"canary": "acme"}}
	b := newAccountsBench(t, map[string]*fakeServer{"api.github.com": gitHub}, tokenAccount(gitHubURL, "canary", "acme"))
	for _, r := range []struct{ host, owner, repository string }{
		{"api.github.com", "beta", "web"}, {"api.github.com", "Beta", "api"}, {"ghe.example.com", "acme", "web"}, {"api.github.com", "beta", "web"},
	} {
		err := b.ask(t, r.host, r.owner, r.repository)
		var inaccessible *dora.InaccessibleError
		if !errors.As(err, &inaccessible) || !strings.Contains(err.Error(), "Add the owner to owners of the server's account") {
			t.Errorf("%s on %s: error %v", r.owner, r.host, err)
		}
	}
	o, err := b.Origin(t.Context(), dora.Commit{Host: "ghe.example.com", Owner: "acme", Repository: "web"})
	if err != nil || o.Unavailable != dora.ReasonNoCommit {
		t.Errorf("without a commit: %+v, %v", o, err)
	}
	if len(gitHub.calls) != 0 {
		t.Errorf("asked for %q", gitHub.calls)
	}
	if n := strings.Count(b.log.String(), "no account of the configuration is for an owner"); n != 2 {
		t.Errorf("logged %d times, want once for each owner on each server:\n%s", n, b.log.String())
	}
	if got := b.inaccessible["none"]; got != 3 {
		t.Errorf("%d repositories are counted, want 3", got)
	}
}

// What ends the calls with one credential leaves the others alone.
func TestAccountsDoNotPauseEachOther(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		reason string
		wait   time.Duration
	}{
		"rate limit": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "600")
			serveJSON(w, http.StatusForbidden, object{"message": "You have exceeded a secondary rate limit"})
		}, "rate_limit", 10 * time.Minute},
		"refused": {func(w http.ResponseWriter, _ *http.Request) {
			serveJSON(w, http.StatusUnauthorized, object{"message": "Bad credentials"})
		}, "refused", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limit := true
				s := &fakeServer{tokens: map[string]string{"canary-a": "acme", "canary-b": "beta"}}
				s.intercept = func(w http.ResponseWriter, r *http.Request) bool {
					if !limit || r.Header.Get("Authorization") != "Bearer canary-a" {
						return false
					}
					test.answer(w, r)
					return true
				}
				b := newAccountsBench(t, map[string]*fakeServer{"api.github.com": s},
					tokenAccount(gitHubURL, "canary-a", "acme"), tokenAccount(gitHubURL, "canary-b", "beta"))
				if err := b.ask(t, "api.github.com", "acme", "web"); err == nil {
					t.Fatal("no error")
				}
				start := time.Now()
				err := b.ask(t, "api.github.com", "acme", "web")
				var paused *dora.PausedError
				if !errors.As(err, &paused) || paused.RetryIn != test.wait {
					t.Errorf("while calls are paused: error %v, %+v, want one that says to retry in %s", err, paused, test.wait)
				}
				b.works(t, "api.github.com", "beta")
				if time.Since(start) != 0 {
					t.Errorf("waited for %s", time.Since(start))
				}
				if diff := cmp.Diff(map[string]string{"github.com/acme": test.reason, "github.com/beta": ""}, b.paused); diff != "" {
					t.Errorf("paused: -want +got:\n%s", diff)
				}
				limit = false
				time.Sleep(test.wait)
				b.works(t, "api.github.com", "acme")
				if b.paused["github.com/acme"] != "" {
					t.Errorf("still paused: %s", b.paused["github.com/acme"])
				}
			})
		})
	}
}

// While the probe of a credential hangs, calls with it do not wait for its outcome.
func TestNoCallWaitsForProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{tokens: map[string]string{"canary-a": "acme", "canary-b": "beta"}}
		b := newAccountsBench(t, map[string]*fakeServer{"api.github.com": s},
			tokenAccount(gitHubURL, "canary-a", "acme"), tokenAccount(gitHubURL, "canary-b", "beta"))
		gate := b.clients[0].(tokenClient).gate
		gate.report(enterNow(t, gate, "acme/web"), outcome{kind: limited, wait: time.Minute, err: errDown})
		time.Sleep(time.Minute)
		probe := enterNow(t, gate, "acme/web")
		start := time.Now()
		var paused *dora.PausedError
		if err := b.ask(t, "api.github.com", "acme", "web"); !errors.As(err, &paused) || paused.RetryIn != probeTime || time.Since(start) != 0 {
			t.Errorf("after %s: error %v, %+v", time.Since(start), err, paused)
		}
		gate.report(probe, outcome{kind: answered})
		b.works(t, "api.github.com", "acme")
	})
}

// What an earlier process found inaccessible is expected at the account that is asked about it, and at no other.
func TestInaccessibleOfAccounts(t *testing.T) {
	for name, test := range map[string]struct {
		owner  string
		want   map[string]int
		access bool
	}{
		"still inaccessible": {"beta", map[string]int{"none": 0, "github.com/acme": 0, "github.com": 1, "ghe.example.com": 0}, false},
		"accessible again":   {"acme", map[string]int{"none": 0, "github.com/acme": 0, "github.com": 0, "ghe.example.com": 0}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &fakeServer{tokens: map[string]string{"canary-a": "acme", "canary-rest": "rest"}}
			b := newAccountsBenchAfter(t, map[string]*fakeServer{"api.github.com": s}, []string{"acme/web", "beta/web", "gone/web"},
				tokenAccount(gitHubURL, "canary-a", "acme"), tokenAccount(gitHubURL, "canary-rest"), tokenAccount(serverURL, "canary-s"))
			err := b.ask(t, "api.github.com", test.owner, "web")
			var inaccessible *dora.InaccessibleError
			if errors.As(err, &inaccessible) == test.access {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(test.want, b.inaccessible); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
