package enrichment

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestQueryErrors(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		header http.Header
		body   string
		// The error has is; wait is that of a rate limit; temporary is true for any other error.
		is        error
		wait      time.Duration
		limited   bool
		temporary bool
	}{
		"an answer":                           {status: 200, body: `{"data": {"n": 7}}`},
		"what the token may not see":          {status: 200, body: `{"data": {"n": 7}, "errors": [{"type": "NOT_FOUND", "message": "Could not resolve"}]}`},
		"a bad gateway":                       {status: 502, body: `<html>`, is: dora.ErrTooLarge},
		"a bad gateway that echoes the token": {status: 502, body: `{"message": "Bearer secret"}`, is: dora.ErrTooLarge},
		"a gateway timeout":                   {status: 504, is: dora.ErrTooLarge},
		"a timeout with status 200":           {status: 200, body: `{"data": null, "errors": [{"message": "Something went wrong while executing your query. This may be the result of a timeout"}]}`, is: dora.ErrTooLarge},
		"too many nodes":                      {status: 200, body: `{"errors": [{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": "by 7"}]}`, is: dora.ErrTooLarge},
		"too many nodes, with the token":      {status: 200, body: `{"errors": [{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": "Bearer secret"}]}`, is: dora.ErrTooLarge},
		"no points left for the token":        {status: 200, header: reset(90), body: `{"errors": [{"type": "RATE_LIMITED", "message": "Bearer secret"}]}`, limited: true, wait: 90 * time.Second},
		"no points left":                      {status: 200, header: reset(90), body: `{"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}`, limited: true, wait: 90 * time.Second},
		"a secondary limit":                   {status: 403, header: http.Header{"Retry-After": {"45"}}, body: `{"message": "You have exceeded a secondary rate limit"}`, limited: true, wait: 45 * time.Second},
		"a secondary limit without a time":    {status: 403, body: `{"message": "You have exceeded a secondary rate limit"}`, limited: true},
		"no GraphQL on the server":            {status: 404, body: `{"message": "Not Found"}`, is: dora.ErrNoBulk},
		"no GraphQL for the token":            {status: 403, body: `{"message": "Resource not accessible by integration"}`, is: dora.ErrNoBulk},
		"a field that the server lacks":       {status: 200, body: `{"errors": [{"extensions": {"code": "undefinedField"}, "message": "Field 'x' doesn't exist on type 'Deployment'"}]}`, is: dora.ErrNoBulk},
		"an outage":                           {status: 503, temporary: true},
		"a page of a proxy":                   {status: 200, body: `<html>`, temporary: true},
		"no data":                             {status: 200, body: `{}`, temporary: true},
		"a wrong query":                       {status: 200, body: `{"errors": [{"message": "Field 'x' doesn't exist"}]}`, temporary: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := newServed(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.Method != http.MethodPost || q.URL.Path != "/graphql" || q.Header.Get("Authorization") != "Bearer secret" {
					t.Errorf("%s %s with %q", q.Method, q.URL, q.Header)
				}
				for name, values := range test.header {
					w.Header()[name] = values
				}
				w.WriteHeader(test.status)
				_, _ = fmt.Fprint(w, test.body)
			}), Options{Token: "secret"})
			var data struct{ N int }
			err := g.Query(t.Context(), "acme", "{ n }", nil, &data)
			var limit *dora.LimitedError
			switch {
			case test.limited:
				if !errors.As(err, &limit) || limit.Wait.Round(2*time.Second) != test.wait.Round(2*time.Second) {
					t.Errorf("error %v, wait %+v", err, limit)
				}
			case test.is != nil:
				if !errors.Is(err, test.is) {
					t.Errorf("error %v", err)
				}
			case test.temporary:
				if err == nil || errors.Is(err, dora.ErrTooLarge) || errors.Is(err, dora.ErrNoBulk) || errors.As(err, &limit) {
					t.Errorf("error %v", err)
				}
			case err != nil || data.N != 7:
				t.Errorf("%+v, %v", data, err)
			}
		})
	}
}

func reset(seconds int) http.Header {
	now := time.Now()
	return http.Header{
		"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {fmt.Sprint(now.Add(time.Duration(seconds) * time.Second).Unix())},
		"Date": {now.UTC().Format(http.TimeFormat)},
	}
}

func TestGraphQLURL(t *testing.T) {
	for base, want := range map[string]string{
		"https://api.github.com":                "https://api.github.com/graphql",
		"https://ghe.example.com/api/v3":        "https://ghe.example.com/api/graphql",
		"https://example.com/proxy/ghe/api/v3/": "https://example.com/proxy/ghe/api/graphql",
	} {
		u, err := parseBaseURL(base)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, graphQLURL(u).String()); diff != "" {
			t.Errorf("%s: %s", base, diff)
		}
	}
}

// The token is in no error.
func TestQueryHidesTheToken(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
	}{
		"a status":                             {400, `{"message": "the token secret is odd"}`},
		"where the message of a status is cut": {400, `{"message": "` + strings.Repeat("x", maxMessage-3) + `secret"}`},
		"an error of the query":                {200, `{"errors": [{"message": "the token secret is odd"}]}`},
		"where an error of the query is cut":   {200, `{"errors": [{"message": "` + strings.Repeat("x", 197) + `secret"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			g := newServed(t, text(test.status, test.body), Options{Token: "secret"})
			if err := g.Query(t.Context(), "acme", "{ n }", nil, nil); err == nil || strings.Contains(err.Error(), "sec") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// That the credential is refused is an error of its own, which names its key in the configuration.
func TestQueryRefused(t *testing.T) {
	g := newServed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"message": "Bad credentials: secret"}`)
	}), Options{Token: "secret", Key: "github.accounts[1].token"})
	err := g.Query(t.Context(), "acme", "{ n }", nil, nil)
	var refused *dora.RefusedError
	if !errors.As(err, &refused) || refused.Credential != "github.accounts[1].token" || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}
