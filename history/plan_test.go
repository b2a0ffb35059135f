package history

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// A plan has the search for issues, made once, and how many it finds as far as Jira tells.
func TestPlanOfIssues(t *testing.T) {
	const jql = `(project = INC) AND updated >= "2025-01-01 09:00" ORDER BY created ASC`
	for _, test := range []struct{ kind, user, want string }{
		{"Cloud", "ann", "would read since 2025-01-01: more than 2 issues of Jira, found by " + jql + "\n"},
		{"Server", "", "would read since 2025-01-01: 3 issues of Jira, found by " + jql + "\n"},
	} {
		f := &fakeJira{kind: test.kind}
		server := httptest.NewServer(f)
		defer server.Close()
		b, _ := newTestBackfill(&scriptedGitHub{})
		b.Sources = []string{dora.Jira}
		b.Issues = &Jira{BaseURL: server.URL, User: test.user, Token: "secret", JQL: "project = INC", Client: server.Client(), Logger: b.Logger, Sleep: b.Sleep}
		plan, err := Servers{b}.Plan(t.Context())
		if err != nil || len(f.asked) != 1 {
			t.Errorf("%s: error %v; asked %q, want one search", test.kind, err, f.asked)
		}
		plan.Request = b.Request
		var out strings.Builder
		if err := plan.Write(&out); err != nil || out.String() != test.want {
			t.Errorf("%s: %s, %v; want %s", test.kind, &out, err, test.want)
		}
		b.Issues.Token = "wrong"
		refused := new(dora.RefusedError)
		if _, err := (Servers{b}).Plan(t.Context()); !errors.As(err, &refused) || refused.Credential != "jira.token" {
			t.Errorf("%s, a wrong token: error %v", test.kind, err)
		}
	}
}

func TestWritePlan(t *testing.T) {
	plan := Plan{
		Request:  Request{Since: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2025, 4, 1, 0, 0, 0, 0, time.UTC)},
		Progress: Progress{Repositories: 42, CallsLeft: 310, Failed: []string{"acmee/*"}},
	}
	var out strings.Builder
	if err := plan.Write(&out); err != nil {
		t.Fatal(err)
	}
	const want = "would read since 2025-01-01 and before 2025-04-01 00:00 UTC: 42 repositories, with about 310 calls of the GitHub API for their pages\n" +
		"and more calls: 1 for each repository with unusual environments, 1 for each deployment of the last week, 1 for up to 149 missing commits\n" +
		"can't read: acmee/*\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
