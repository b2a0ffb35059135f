package enrichment

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
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/internal/bounds"
)

// answers is a fake that answers each call with the next one, and the last one again and again.
func answers(all ...http.HandlerFunc) http.HandlerFunc {
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		now := all[min(n, len(all)-1)]
		n++
		now(w, r)
	}
}

func text(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// Each of these is temporary: an error now, the gate closed for a time if that holds for all calls, and the right answer after
// it.
func TestTemporaryFailures(t *testing.T) {
	const asked = 5 * time.Second
	tests := []struct {
		name    string
		first   http.HandlerFunc
		wait    time.Duration
		message string
	}{
		{"HTML in a 502", text(502, "<html>Unicorn!</html>"), 0, "502 Bad Gateway"},
		{"HTML in a 200", text(200, "<html>Sign in</html>"), 0, "this is not an answer of GitHub"},
		{"JSON that is cut", text(200, `[{"number":109,"state":"clo`), 0, "unexpected end of JSON input"},
		{"JSON with something behind it", text(200, `[] <html>`), 0, "this is not an answer of GitHub"},
		{"nothing in a 200", text(200, ""), 0, "unexpected end of JSON input"},
		{"null", text(200, "null"), 0, "it is null"},
		{"an object for a list", text(200, "{}"), 0, "cannot unmarshal object"},
		{"objects of another kind", text(200, `[{"id":1}]`), 0, "a pull request has no number"},
		{"another status", text(202, "{}"), 0, "202 Accepted"},
		{"hanging", hang, 15 * time.Second, "no answer within 15s"},
		{"429", text(429, `{"message":"Slow down"}`, "Retry-After", "5"), asked, "429 Too Many Requests: Slow down"},
		{"403 with Retry-After", text(403, `{}`, "Retry-After", "5"), asked, "403 Forbidden"},
		{"403 with a reset", text(403, `{}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "946684805"), asked, "403 Forbidden"},
		{"403 with a rate limit in its text", text(403, `{"message":"API rate limit exceeded"}`), time.Second, "API rate limit exceeded"},
		{"401", text(401, `{"message":"Bad credentials"}`), time.Minute, "401 Unauthorized: Bad credentials"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := withPull()
				g := newInProcess(t, answers(test.first, f.ServeHTTP), Options{})
				start := time.Now()
				_, err := g.Origin(t.Context(), theCommit)
				var missing *dora.NotFoundError
				if err == nil || errors.As(err, &missing) || !strings.Contains(err.Error(), test.message) {
					t.Fatalf("error %v, want a temporary one with %q", err, test.message)
				}
				got, err := g.Origin(t.Context(), theCommit)
				if err != nil || got.PullRequest != 109 {
					t.Errorf("origin %+v, error %v", got, err)
				}
				if took := time.Since(start); took != test.wait {
					t.Errorf("it took %s, want %s", took, test.wait)
				}
			})
		})
	}
}

func TestLastCallBeforeTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := withPull()
		f.intercept = func(w http.ResponseWriter, _ *http.Request) bool {
			left := "0"
			if len(f.asked()) > 1 {
				left = "4999"
			}
			w.Header().Set("X-RateLimit-Limit", "5000")
			w.Header().Set("X-RateLimit-Remaining", left)
			w.Header().Set("X-RateLimit-Reset", "946684830") // 30 s after the bubble's beginning
			return false
		}
		var left [][2]int
		g := newInProcess(t, f, Options{OnRateLimit: func(n, of int) { left = append(left, [2]int{n, of}) }})
		start := time.Now()
		if got, err := g.Origin(t.Context(), theCommit); err != nil || got.PullRequest != 109 {
			t.Errorf("origin %+v, error %v", got, err)
		}
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("it took %s, want 30s", took)
		}
		if diff := cmp.Diff([][2]int{{0, 5000}, {4999, 5000}}, left); diff != "" {
			t.Errorf("calls left (-want +got):\n%s", diff)
		}
	})
}

func TestOriginEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := withPull()
		g := newInProcess(t, answers(hang, f.ServeHTTP), Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := g.Origin(ctx, theCommit); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		// The call was given up, which says nothing about GitHub.
		if got, err := g.Origin(t.Context(), theCommit); err != nil || got.PullRequest != 109 {
			t.Errorf("origin %+v, error %v", got, err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it took %s, want 2s", took)
		}
	})
}

func TestHooks(t *testing.T) {
	type exchange struct{ Route, Code string }
	var got []exchange
	f := withPull()
	g := newServed(t, f, Options{OnRequest: func(route, code string) {
		got = append(got, exchange{route, code})
	}})
	if _, err := g.Origin(t.Context(), theCommit); err != nil {
		t.Fatal(err)
	}
	f.lists[pullsPath] = []object{}
	f.objects[repoPath("commits/%s", sha)] = aCommit("11:00", "Sell more (#5)")
	if _, err := g.Origin(t.Context(), theCommit); err != nil {
		t.Fatal(err)
	}
	f.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return true
	}
	g.timeout = 5 * time.Millisecond
	if _, err := g.Origin(t.Context(), theCommit); err == nil {
		t.Fatal("no error")
	}
	want := []exchange{
		{"/repos/{owner}/{repo}/commits/{sha}/pulls", "200"},
		{"/repos/{owner}/{repo}/pulls/{number}/commits", "200"},
		{"/repos/{owner}/{repo}/commits/{sha}/pulls", "200"},
		{"/repos/{owner}/{repo}/commits/{sha}", "200"},
		{"/repos/{owner}/{repo}/pulls/{number}", "404"},
		{"/repos/{owner}/{repo}/commits/{sha}/pulls", "error"},
		{"/rate_limit", "error"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exchanges (-want +got):\n%s", diff)
	}
}

func TestRedirectLoop(t *testing.T) {
	n := 0
	g := newServed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/rate_limit" {
			n++
		}
		http.Redirect(w, r, r.URL.Path, http.StatusMovedPermanently)
	}), Options{})
	_, err := g.Origin(t.Context(), theCommit)
	if err == nil || !strings.Contains(err.Error(), "redirected too often") || n != 1+maxRedirects {
		t.Errorf("error %v after %d exchanges", err, n)
	}
}

func TestRedirectToAnotherServer(t *testing.T) {
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer other.Close()
	g := newServed(t, http.RedirectHandler(other.URL, http.StatusMovedPermanently), Options{Token: "secret"})
	_, err := g.Origin(t.Context(), theCommit)
	if err == nil || !strings.Contains(err.Error(), "to "+other.URL+", which is another server") || asked {
		t.Errorf("error %v; the other server was asked: %t", err, asked)
	}
}

func TestTokenGoesToOneServer(t *testing.T) {
	base, err := parseBaseURL("https://ghe.example.com/api/v3")
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{
		"https://ghe.example.com/api/v3/x":  "Bearer secret",
		"https://GHE.example.com:443/x":     "Bearer secret",
		"http://ghe.example.com/x":          "",
		"https://ghe.example.com:8443/x":    "",
		"https://ghe.example.com.evil.io/x": "",
	} {
		var got string
		rt := &transport{
			base: base, credential: fixedToken("secret"), logger: slog.New(slog.DiscardHandler),
			onRequest: func(string, string) {}, onRateLimit: func(int, int) {},
			inner: inProcess{http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") })},
		}
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rt.RoundTrip((&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}).WithContext(t.Context())); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s was sent %q, want %q", to, got, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	var got http.Header
	g := newServed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		text(404, "{}")(w, r)
	}), Options{})
	_, _ = g.Origin(t.Context(), theCommit)
	if got.Get("User-Agent") != "dora-exporter" || got.Get("X-GitHub-Api-Version") == "" || got.Get("Authorization") != "" {
		t.Errorf("headers %v", got)
	}
}

// A server that sends the token back in everything that it says must not bring it into the log.
func TestTokenStaysSecret(t *testing.T) {
	const canary = "ghp_canary"
	var log bytes.Buffer
	for name, echo := range map[string]http.HandlerFunc{
		"message":  text(500, `{"message":"you sent `+canary+`"}`),
		"cut":      text(500, `{"message":"`+strings.Repeat("x", maxMessage-4)+canary+`"}`),
		"refusal":  text(401, `{"message":"you sent `+canary+`"}`),
		"not JSON": text(200, canary),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/"+canary {
				text(404, `{"message":"`+canary+`"}`)(w, r)
				return
			}
			http.Redirect(w, r, "http://elsewhere.example/"+canary, http.StatusFound)
		},
		"not HTTP": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, canary+"\r\n\r\n")
			_ = conn.Close()
		},
	} {
		sent := ""
		g := newServed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent = r.Header.Get("Authorization")
			echo(w, r)
		}), Options{Token: canary + "\n", Logger: logTo(&log)})
		_, err := g.Origin(t.Context(), theCommit)
		if err == nil || strings.Contains(err.Error(), canary[:4]) {
			t.Errorf("%s: error %v", name, err)
		}
		if sent != "Bearer "+canary {
			t.Errorf("%s: sent %q", name, sent)
		}
	}
	if log.Len() == 0 || strings.Contains(log.String(), canary[:4]) {
		t.Errorf("log:\n%s", log.String())
	}
}

// That a server sends the token back does not change what an error is.
func TestErrorsWithTheToken(t *testing.T) {
	g := newClient(t, Options{Token: "secret"})
	u := &url.URL{Scheme: "https", Host: "api.github.com", Path: "/repos/acme/secret"}
	for name, test := range map[string]struct {
		err  error
		want func(error) bool
	}{
		"a status": {
			fmt.Errorf("pull requests: %w", &statusError{http.MethodGet, u, http.StatusBadGateway, ""}),
			func(err error) bool { return statusOf(outcome{err: err}) == http.StatusBadGateway },
		},
		"no token": {
			fmt.Errorf("GET %s: %w", u, &tokenError{url: u, status: http.StatusForbidden}),
			func(err error) bool { return statusOf(outcome{err: err}) == http.StatusForbidden },
		},
		"what is not there":         {&dora.NotFoundError{Err: &statusError{http.MethodGet, u, http.StatusNotFound, ""}}, func(err error) bool { return errors.As(err, new(*dora.NotFoundError)) }},
		"a call that fails":         {&dora.UnansweredError{Err: errors.New("secret")}, isUnanswered},
		"an answer above a limit":   {&limitExceededError{u.Path, bounds.ErrTooMuch}, isLimitExceeded},
		"a query above a limit":     {fmt.Errorf("%w: secret", dora.ErrTooLarge), func(err error) bool { return errors.Is(err, dora.ErrTooLarge) }},
		"a connection that is shut": {fmt.Errorf("GET %s: %w", u, io.ErrUnexpectedEOF), func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
	} {
		if err := g.redact(test.err); strings.Contains(err.Error(), "secret") || !test.want(err) {
			t.Errorf("%s became %#v, %q", name, err, err)
		}
	}
}
