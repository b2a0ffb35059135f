package enrichment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

// newAppBench returns the accounts of an App with the ID 12 on a server, and of a token for the owner other.
func newAppBench(t *testing.T, s *fakeServer) *accountsBench {
	t.Helper()
	key, _ := appKeys()
	s.key, s.expiry = &key.PublicKey, map[string]time.Time{}
	s.tokens = map[string]string{"canary-other": "other"}
	return newAccountsBench(t, map[string]*fakeServer{"ghe.example.com": withoutPrefix(s)},
		tokenAccount(serverURL, "canary-other", "other"),
		Account{Account: dora.Account{BaseURL: serverURL}, App: &App{ID: 12, PrivateKey: key}})
}

// calls counts the calls of a server whose path ends so.
func (s *fakeServer) count(end string) (n int) {
	for _, call := range s.calls {
		if strings.HasSuffix(call, end) {
			n++
		}
	}
	return n
}

func TestInstallations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{}
		for i := range 120 { // on two pages
			s.installations = append(s.installations, fakeInstallation{id: i + 1, owner: fmt.Sprintf("Org%d", i+1)})
		}
		b := newAppBench(t, s)
		for _, owner := range []string{"org1", "ORG120", "org1", "other"} {
			b.works(t, "ghe.example.com", owner)
		}
		if got, want := s.count("/app/installations"), 2; got != want {
			t.Errorf("%d pages of installations, want %d", got, want)
		}
		if s.madeTokens != 2 {
			t.Errorf("%d tokens for two owners", s.madeTokens)
		}
		time.Sleep(58 * time.Minute)
		b.works(t, "ghe.example.com", "org1")
		if s.madeTokens != 2 {
			t.Error("made a token although the one before is valid")
		}
		time.Sleep(2 * time.Minute)
		b.works(t, "ghe.example.com", "org1")
		if s.madeTokens != 3 {
			t.Errorf("%d tokens after the first expired", s.madeTokens)
		}
		if s.count("/pulls") != 6 {
			t.Errorf("%d look-ups were tried, want 6", s.count("/pulls"))
		}
	})
}

// An account is for the owners that it lists, else for those that its App is installed for.
func TestOwnersOfAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{installations: []fakeInstallation{{id: 1, owner: "Acme"}, {id: 2, owner: "gone", suspended: true}, {id: 3, owner: "Abc"}}}
		b := newAppBench(t, s)
		for account, want := range []string{"[other]", "[abc acme]"} {
			if got, err := b.Owners(t.Context(), account); err != nil || fmt.Sprint(got) != want {
				t.Errorf("account %d is for %v, want %s; error %v", account, got, want, err)
			}
		}
	})
}

// A token that GitHub refuses before it expires is replaced at once.
func TestTokenRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{installations: []fakeInstallation{{id: 1, owner: "acme"}}}
		b := newAppBench(t, s)
		b.works(t, "ghe.example.com", "acme")
		clear(s.tokens)
		b.works(t, "ghe.example.com", "acme")
		if s.madeTokens != 2 || b.paused["ghe.example.com/acme"] != "" {
			t.Errorf("%d tokens, paused %q", s.madeTokens, b.paused["ghe.example.com/acme"])
		}
	})
}

// An owner without an installation that works waits, and no other does.
func TestInstallationComesAndGoes(t *testing.T) {
	acme := fakeInstallation{id: 1, owner: "acme"}
	beta := fakeInstallation{id: 2, owner: "Beta"}
	for name, test := range map[string]struct {
		first, then []fakeInstallation
		// used is true if the first installation is used before it changes.
		used bool
		want string
	}{
		"installed later":         {first: nil, want: notInstalled},
		"installed for another":   {first: []fakeInstallation{acme}, want: notInstalled},
		"suspended":               {first: []fakeInstallation{acme, {id: 2, owner: "beta", suspended: true}}, want: suspended},
		"suspended while used":    {first: []fakeInstallation{beta}, used: true, then: []fakeInstallation{{id: 2, owner: "beta", suspended: true}}, want: suspended},
		"uninstalled while used":  {first: []fakeInstallation{beta}, used: true, then: []fakeInstallation{acme}, want: notInstalled},
		"reinstalled with new id": {first: []fakeInstallation{beta}, used: true, then: []fakeInstallation{{id: 7, owner: "beta"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{installations: test.first}
				b := newAppBench(t, s)
				if test.used {
					b.works(t, "ghe.example.com", "beta")
					s.installations = test.then
					time.Sleep(time.Hour) // its token has expired
					var paused *dora.PausedError
					if err := b.ask(t, "ghe.example.com", "beta", "web"); !errors.As(err, &paused) || paused.RetryIn != time.Second {
						t.Errorf("the first call of the installation: %v, want to list the installations in a second", err)
					}
					time.Sleep(time.Second)
				}
				if test.want != "" {
					for _, repository := range []string{"web", "api", "web"} {
						err := b.ask(t, "ghe.example.com", "beta", repository)
						var inaccessible *dora.InaccessibleError
						if !errors.As(err, &inaccessible) || inaccessible.RetryIn != time.Minute || !strings.Contains(err.Error(), test.want) {
							t.Errorf("error %v, want %s", err, test.want)
						}
					}
					if got := b.inaccessible["ghe.example.com/app/12"]; got != 2 {
						t.Errorf("%d inaccessible repositories, want 2", got)
					}
					if n := strings.Count(b.log.String(), test.want); n != 1 {
						t.Errorf("logged %d times:\n%s", n, b.log.String())
					}
					b.works(t, "ghe.example.com", "other")
					s.installations = []fakeInstallation{{id: 2, owner: "BETA"}}
					time.Sleep(time.Minute)
				}
				b.works(t, "ghe.example.com", "beta")
				if got := b.inaccessible["ghe.example.com/app/12"]; got != 0 {
					t.Errorf("%d repositories are still inaccessible", got)
				}
			})
		})
	}
}

// A private key that GitHub does not accept is named, for the installations that are known, too.
func TestPrivateKeyRefused(t *testing.T) {
	for name, used := range map[string]bool{"at the start": false, "while used": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key, other := appKeys()
				s := &fakeServer{installations: []fakeInstallation{{id: 1, owner: "acme"}}}
				b := newAppBench(t, s)
				account := "ghe.example.com/app/12"
				if used {
					account = "ghe.example.com/acme"
					b.works(t, "ghe.example.com", "acme")
					time.Sleep(time.Hour)
				}
				s.key = &other.PublicKey
				for range 3 {
					if err := b.ask(t, "ghe.example.com", "acme", "web"); err == nil || !used && !strings.Contains(err.Error(), "A JSON web token could not be decoded") {
						t.Errorf("error %v", err)
					}
				}
				if n := strings.Count(b.log.String(), "level=ERROR"); n != 1 || !strings.Contains(b.log.String(), "key=github.accounts[1].app.private_key_file") {
					t.Errorf("want one error that names the key:\n%s", b.log.String())
				}
				if !b.failing[account] {
					t.Errorf("failing: %v", b.failing)
				}
				if n := s.count("/access_tokens") + s.count("/app/installations"); !used && n != 1 || used && n != 3 {
					t.Errorf("asked %d times", n)
				}
				b.works(t, "ghe.example.com", "other")
				s.key = &key.PublicKey
				time.Sleep(time.Minute)
				b.works(t, "ghe.example.com", "acme")
				if b.failing[account] {
					t.Errorf("failing: %v", b.failing)
				}
			})
		})
	}
}

// Answers to the calls of an App that say nothing about its installations are retried.
func TestInstallationsUnanswered(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		path   string
		wait   time.Duration
		reason string
	}{
		"no list": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "/app/installations", time.Second, ""},
		"a web page for a list": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html>Sign in</html>")
		}, "/app/installations", time.Second, ""},
		"an installation without an id": {func(w http.ResponseWriter, _ *http.Request) {
			serveJSON(w, http.StatusOK, []object{{"account": object{"login": "acme"}}})
		}, "/app/installations", time.Second, ""},
		"too many lists": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "90")
			serveJSON(w, http.StatusTooManyRequests, object{})
		}, "/app/installations", 90 * time.Second, ""},
		"too many tokens": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "90")
			serveJSON(w, http.StatusForbidden, object{"message": "rate limit"})
		}, "/app/installations/1/access_tokens", 90 * time.Second, "rate_limit"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{installations: []fakeInstallation{{id: 1, owner: "acme"}}}
				b := newAppBench(t, s)
				prefixed, fails := s.intercept, true
				s.intercept = func(w http.ResponseWriter, r *http.Request) bool {
					if prefixed(w, r); !fails || r.URL.Path != test.path {
						return false
					}
					test.answer(w, r)
					return true
				}
				if err := b.ask(t, "ghe.example.com", "acme", "web"); err == nil {
					t.Fatal("no error")
				}
				var paused *dora.PausedError
				if err := b.ask(t, "ghe.example.com", "acme", "web"); !errors.As(err, &paused) || paused.RetryIn != test.wait {
					t.Errorf("error %v, %+v, want to retry in %s", err, paused, test.wait)
				}
				if got := b.paused["ghe.example.com/acme"]; got != test.reason {
					t.Errorf("paused for %q, want %q", got, test.reason)
				}
				b.works(t, "ghe.example.com", "other")
				fails = false
				time.Sleep(test.wait)
				b.works(t, "ghe.example.com", "acme")
			})
		})
	}
}

// A call whose caller is gone tells nothing about the App.
func TestInstallationsAbandoned(t *testing.T) {
	s := &fakeServer{installations: []fakeInstallation{{id: 1, owner: "acme"}}}
	b := newAppBench(t, s)
	in := b.clients[1].(*installations)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if _, err := in.client(ctx, "acme", "acme/web"); err == nil {
		t.Error("no error")
	}
	b.works(t, "ghe.example.com", "acme")
	if !slices.Contains(s.calls, "/api/v3/app/installations") {
		t.Errorf("calls %q", s.calls)
	}
}
