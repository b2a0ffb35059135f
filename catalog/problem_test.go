package catalog

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProblems(t *testing.T) {
	for name, test := range map[string]struct {
		token  string
		answer func(*http.Request) (int, string, error)
		want   string
	}{
		"no token":                {"", replies(401, `{}`), "status 401: Backstage wants a token: set catalog.token"},
		"no token, 403":           {"", replies(403, `{}`), "status 403: Backstage wants a token: set catalog.token"},
		"another token":           {canary, replies(401, `{}`), "status 401: Backstage refuses the token: set another catalog.token"},
		"token in the address":    {"entities", replies(401, `{}`), "status 401: Backstage refuses the token: set another catalog.token"},
		"token without the right": {canary, replies(403, `{}`), "status 403: the token may not read the catalog: allow catalog.entity.read, or set another catalog.token"},
		"wrong path":              {canary, replies(404, `{}`), "status 404: " + adviseEndpoint},
		"sign-in page":            {canary, replies(200, "\n<!DOCTYPE html><html>Sign in</html>"), "the answer is a web page, such as a sign-in: " + adviseBoth},
		"page with 401":           {canary, replies(401, "<html>"), "status 401: Backstage refuses the token: set another catalog.token"},
		"proxy without Backstage": {canary, replies(502, "<html>"), ""},
		"down":                    {canary, replies(500, `{}`), ""},
		"no connection":           {canary, func(*http.Request) (int, string, error) { return 0, "", errors.New("refused") }, ""},
		"text":                    {canary, replies(200, "ok"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, test.answer)
			b.options.Token = test.token
			if problem := b.Problem(); problem != "" {
				t.Errorf("problem %q before any call", problem)
			}
			_, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v", err)
			}
			if got := b.Problem(); got != test.want {
				t.Errorf("problem %q, want %q", got, test.want)
			}
			if !strings.Contains(b.log.String(), test.want) {
				t.Errorf("log %s", b.log.String())
			}
		})
	}
}

// An outage that turns out to be a problem of the configuration is logged again, and its end ends both.
func TestAProblemAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, replies(503, ""))
		for _, answer := range []func(*http.Request) (int, string, error){replies(503, ""), replies(401, ""), replies(401, ""), replies(200, platform)} {
			b.answer = answer
			_, _ = b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web")
			time.Sleep(time.Hour)
		}
		if problem := b.Problem(); problem != "" {
			t.Errorf("problem %q after an answer", problem)
		}
		if log := b.log.String(); strings.Count(log, "\n") != 3 || strings.Count(log, "catalog.token") != 1 {
			t.Errorf("log:\n%s", log)
		}
	})
}
