package history

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCheckJira(t *testing.T) {
	fake := &fakeJira{kind: "Cloud"}
	badJQL := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if strings.HasSuffix(q.URL.Path, "/search/jql") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, `{"errorMessages":["The value 'INK' does not exist for the field 'project'."]}`)
			return
		}
		fake.ServeHTTP(w, q)
	})
	other := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "{}") })
	null := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "null") })
	for name, test := range map[string]struct {
		handler     http.Handler
		token, want string
	}{
		"all right":          {fake, "secret", "ok: issues can be read as , whose time zone is Asia/Tokyo: "},
		"a wrong token":      {fake, "canary", "failed: GET JIRA/rest/api/2/serverInfo: 401 Unauthorized: no\n: renew jira.token; on Jira Cloud, set jira.user to the e-mail address of its owner"},
		"a query of nothing": {badJQL, "secret", `failed: GET JIRA/rest/api/3/search/jql: 400 Bad Request: {"errorMessages":["The value 'INK' does not exist for the field 'project'."]}: correct jira.jql, and let the user browse the projects`},
		"null":               {null, "secret", "failed: GET JIRA/rest/api/2/serverInfo: this is not an answer of Jira: it is null: check jira.base_url, the network, and HTTPS_PROXY and NO_PROXY"},
		"another server":     {other, "secret", "failed: GET JIRA/rest/api/2/serverInfo: this is not an answer of Jira: correct jira.base_url"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.handler)
			defer server.Close()
			j := &Jira{BaseURL: server.URL, User: "ann", Token: test.token, JQL: "project = INC", Client: server.Client()}
			f := j.Check(t.Context())
			got := strings.ReplaceAll(f.Status+": "+f.Text+": "+f.Remedy, server.URL, "JIRA")
			if got != test.want || f.Check != "jira" || strings.Contains(got, "canary") {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		})
	}
}
