package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/story/org"
)

// refusingJira answers a call of one path with a status while it refuses, and else as a site without issues.
func refusingJira(t *testing.T, path string, status int) (url string, refuses *atomic.Bool) {
	t.Helper()
	refuses = &atomic.Bool{}
	refuses.Store(true)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == path && refuses.Load():
			w.WriteHeader(status)
		case r.URL.Path == "/rest/api/2/serverInfo":
			_, _ = fmt.Fprint(w, `{"deploymentType": "Server"}`)
		case r.URL.Path == "/rest/api/2/myself":
			_, _ = fmt.Fprint(w, `{"timeZone": "UTC"}`)
		case r.URL.Path == "/rest/api/2/status":
			_, _ = fmt.Fprint(w, `[]`)
		default:
			_, _ = fmt.Fprint(w, `{"issues": [], "total": 0}`)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, refuses
}

// What backfill.since asks for is read again while Jira refuses a key of the configuration, without asking GitHub each time.
func TestConfiguredBackfillWithRefusingJira(t *testing.T) {
	for name, test := range map[string]struct {
		path   string
		status int
		want   string
	}{
		"a token that has expired": {"/rest/api/2/myself", http.StatusUnauthorized, "Jira refuses jira.token, so that not all issues were read"},
		"a user without access":    {"/rest/api/2/status", http.StatusForbidden, "Jira refuses jira.token, so that not all issues were read"},
		"a site that is suspended": {"/rest/api/2/serverInfo", http.StatusNotFound, "Jira refuses jira.base_url (there is no Jira at this address, or its site is suspended), so that"},
		"a query with an error":    {"/rest/api/2/search", http.StatusBadRequest, "Jira refuses jira.jql, or without it the query for the configured projects, so that not all"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			end := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
			g := org.NewGitHub(org.New(org.Plan{Repositories: 2, Releases: 5, Begin: end.AddDate(-1, 0, 0), End: end, Seed: 5}))
			isRefused := false
			o := twoApps(t, withApps(t, g, &isRefused).URL, "", "owners: [beta], ")
			o.Config.Backfill.Since = end.AddDate(-2, 0, 0)
			url, refuses := refusingJira(t, test.path, test.status)
			o.Config.Jira.BaseURL = url
			a := startApp(t, o, withoutWaits)
			state := a.awaitRequest(t, func(s backfillState) bool { return s.Error != "" && !s.Done })
			if !strings.HasPrefix(state.Error, test.want) || strings.Contains(state.Error, "GitHub") {
				t.Errorf("error %s, want %s", state.Error, test.want)
			}
			if state.Progress.Done != 2 || !slices.Equal(state.Request.Sources, []string{dora.Jira}) {
				t.Errorf("%+v, want 2 repositories that are not read again", state)
			}
			refuses.Store(false)
			a.awaitRequest(t, func(s backfillState) bool { return s.Done && s.Error == "" })
		})
	}
}
