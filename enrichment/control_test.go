package enrichment

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// attempts asks for commits again and again for a while, each a minute after it failed, and returns their last errors.
func attempts(t *testing.T, g *GitHub, all []dora.Commit, d time.Duration) (last map[string]error) {
	t.Helper()
	last = map[string]error{}
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Minute) {
		for _, c := range all {
			if err, asked := last[c.SHA]; asked && err == nil {
				continue
			}
			_, last[c.SHA] = g.Origin(t.Context(), c)
		}
	}
	return last
}

// Whether a failure is the call's own or GitHub's is told by other calls, or by the control call when nothing else is asked.
func TestControlCall(t *testing.T) {
	notFound, unlimited := text(404, `{"message":"Rate limiting is not enabled."}`), text(200, `{"resources":{}}`)
	for _, test := range []struct {
		name    string
		control http.HandlerFunc
		want    bool // whether the failure is the call's own
	}{
		{"answered", unlimited, true},
		{"rate limits are off", notFound, true},
		{"forbidden", text(403, `{"message":"Forbidden"}`), true},
		{"fails, too", text(503, ""), false},
		{"hangs", hang, false},
		{"not GitHub", text(200, "<html>Sign in</html>"), false},
		{"limited", text(429, "{}", "Retry-After", "60"), false},
		{"refused", text(401, "{}"), false},
		{"the last call of the hour", text(200, "{}", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "946688400"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newInProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/rate_limit" {
						test.control(w, r)
						return
					}
					text(500, "")(w, r)
				}), Options{})
				_, err := g.Origin(t.Context(), theCommit)
				var unanswered *dora.UnansweredError
				if err == nil || errors.As(err, &unanswered) != test.want {
					t.Errorf("error %#v, want an UnansweredError: %t", err, test.want)
				}
			})
		})
	}
}

// Whether 403 is the repository's fault or the token's is told by other calls, or by the control call when nothing else is asked.
func TestForbidden(t *testing.T) {
	forbidden, unlimited := text(403, `{"message":"Resource protected by organization SAML enforcement"}`), text(200, `{"resources":{}}`)
	for _, test := range []struct {
		name    string
		control http.HandlerFunc
		pauses  []string
		count   int
	}{
		{"one repository", unlimited, nil, 1},
		{"one repository of a server without rate limits", text(404, `{"message":"Rate limiting is not enabled."}`), nil, 1},
		{"everything", forbidden, []string{pauseRefused}, 0},
		{"one repository, while the control call fails", text(502, ""), []string{pauseRefused}, 0},
		{"one repository, with a token that is refused otherwise", text(401, "{}"), []string{pauseRefused}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var pauses []string
				var count int
				g := newInProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/rate_limit" {
						test.control(w, r)
						return
					}
					forbidden(w, r)
				}), Options{OnPause: func(reason string) { pauses = append(pauses, reason) }, OnInaccessible: func(n int) { count = n }})
				_, err := g.Origin(t.Context(), theCommit)
				if i := new(dora.InaccessibleError); errors.As(err, &i) != (test.count == 1) || !strings.Contains(fmt.Sprint(err), "SAML") {
					t.Errorf("error %v, want an InaccessibleError: %t", err, test.count == 1)
				}
				if diff := cmp.Diff(test.pauses, pauses); diff != "" || count != test.count {
					t.Errorf("%d repositories are inaccessible, want %d; pauses (-want +got):\n%s", count, test.count, diff)
				}
			})
		})
	}
}

// A token that lacks one permission of several is probed less and less often, too, and logged once.
func TestOnePermissionIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h, refused, start := tidy(t), 0, time.Now()
		f := h.github()
		inner := f.intercept
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/pulls") && time.Since(start) < 2*time.Hour {
				refused++
				text(403, `{"message":"Resource not accessible by personal access token"}`)(w, r)
				return true
			}
			return inner(w, r)
		}
		g := newInProcess(t, f, Options{Logger: logTo(&log)})
		var err error
		for time.Since(start) < 4*time.Hour {
			if _, err = ship(t, g, "root", "end", nil); err == nil {
				break
			}
			var i *dora.InaccessibleError
			if !errors.As(err, &i) {
				t.Fatalf("error %v, want an InaccessibleError", err)
			}
			time.Sleep(min(i.RetryIn, time.Minute))
		}
		if err != nil || refused > 1+16+1 || time.Since(start) > 3*time.Hour+15*time.Minute {
			t.Errorf("error %v after %s and %d refusals, want none an hour after access came and at most 18", err, time.Since(start), refused)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
			t.Errorf("%d lines, want one:\n%s", n, log.String())
		}
	})
}

// Nothing is asked for besides what other calls tell.
func TestNoControlCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeGitHub{}
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/bad/") {
				time.Sleep(time.Second)
				text(500, "")(w, r)
				return true
			}
			time.Sleep(100 * time.Millisecond)
			theirs(w, r)
			return true
		}
		g := newInProcess(t, f, Options{})
		go func() {
			for i := range 30 {
				_, _ = g.Origin(t.Context(), commitsIn("shop", i+1)[i])
			}
		}()
		_, err := g.Origin(t.Context(), dora.Commit{Owner: "acme", Repository: "shop", SHA: "bad"})
		if u := new(dora.UnansweredError); !errors.As(err, &u) {
			t.Errorf("error %v, want an UnansweredError", err)
		}
		if n := count(f.asked(), "/rate_limit"); n != 0 {
			t.Errorf("%d control calls, want none", n)
		}
		time.Sleep(time.Minute)
	})
}

// A repository whose calls all fail for an hour, be it the only one, has each of its calls given up, and takes few calls.
func TestFailingRepositoryIsGivenUp(t *testing.T) {
	for _, others := range []int{0, 1, 5} {
		t.Run(fmt.Sprint(others, " others"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int32
				g := newInProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(40 * time.Millisecond)
					switch {
					case strings.HasPrefix(r.URL.Path, "/repos/acme/broken/"):
						asked.Add(1)
						text(500, "")(w, r)
					case r.URL.Path == "/rate_limit":
						text(200, "{}")(w, r)
					default:
						theirs(w, r)
					}
				}), Options{})
				for i := range others {
					if _, err := g.Origin(t.Context(), dora.Commit{Owner: "acme", Repository: fmt.Sprint("good", i), SHA: "a"}); err != nil {
						t.Fatal(err)
					}
				}
				all := commitsIn("broken", 20)
				for sha, err := range attempts(t, g, all, 65*time.Minute) {
					if u := new(dora.UnansweredError); !errors.As(err, &u) {
						t.Errorf("%s: %v, want an UnansweredError", sha, err)
					}
				}
				// A call that is new to the failing repository has failed for as long.
				_, err := g.Origin(t.Context(), dora.Commit{Owner: "acme", Repository: "broken", SHA: "new"})
				if u := new(dora.UnansweredError); !errors.As(err, &u) || u.For < time.Hour {
					t.Errorf("error %v, want an UnansweredError for an hour", err)
				}
				if n := asked.Load(); n > 3+70 {
					t.Errorf("%d calls that fail in 65 minutes, want at most one a minute", n)
				}
			})
		})
	}
}

// Single calls of some repositories that fail while nothing else is asked are no outage.
func TestCallsThatFailAloneAreNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pauses atomic.Int32
		f := &fakeGitHub{}
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.URL.Path, "/repos/") && !strings.Contains(r.URL.Path, "good") {
				text(500, "")(w, r)
				return true
			}
			if strings.Contains(r.URL.Path, "good") {
				theirs(w, r)
				return true
			}
			return false
		}
		g := newInProcess(t, f, Options{OnPause: func(reason string) {
			if reason != "" {
				pauses.Add(1)
			}
		}})
		var all []dora.Commit
		for _, repository := range []string{"a", "b", "c", "d"} {
			all = append(all, commitsIn(repository, 1)...)
		}
		for sha, err := range attempts(t, g, all, 10*time.Minute) {
			if u := new(dora.UnansweredError); !errors.As(err, &u) {
				t.Errorf("%s: %v, want an UnansweredError", sha, err)
			}
		}
		if pauses.Load() != 0 {
			t.Errorf("calls were paused %d times", pauses.Load())
		}
		if _, err := g.Origin(t.Context(), commitsIn("good", 1)[0]); err != nil {
			t.Errorf("another repository: %v", err)
		}
	})
}

// The time for which all calls were paused does not count as failing.
func TestOutageDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		g := newInProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case down.Load():
				text(429, "{}", "Retry-After", "600")(w, r)
			case strings.HasPrefix(r.URL.Path, "/repos/acme/broken"):
				text(500, "")(w, r)
			default:
				theirs(w, r)
			}
		}), Options{})
		all := commitsIn("broken", 5)
		attempts(t, g, all, 5*time.Minute)
		_, err := g.Origin(t.Context(), all[0])
		u := new(dora.UnansweredError)
		if !errors.As(err, &u) || u.For < 4*time.Minute || u.For > 6*time.Minute || u.Waited != 0 {
			t.Fatalf("error %#v, want an UnansweredError for five minutes", err)
		}
		before := u.For
		down.Store(true)
		if _, err := g.Origin(t.Context(), dora.Commit{Owner: "acme", Repository: "good", SHA: "a"}); errors.As(err, &u) {
			t.Errorf("error %v, want that of the rate limit", err)
		}
		down.Store(false)
		start := time.Now()
		good := make(chan error)
		go func() {
			_, err := g.Origin(t.Context(), dora.Commit{Owner: "acme", Repository: "good", SHA: "b"})
			good <- err
		}()
		_, err = g.Origin(t.Context(), all[0])
		if u = new(dora.UnansweredError); !errors.As(err, &u) || time.Since(start) < 10*time.Minute {
			t.Fatalf("error %v after %s, want an UnansweredError after ten minutes", err, time.Since(start))
		}
		if u.For > before+time.Minute && u.For-u.Waited > before+time.Minute {
			t.Errorf("failing for %s of which it waited %s, want about %s", u.For, u.Waited, before)
		}
		if err := <-good; err != nil {
			t.Error(err)
		}
	})
}
