package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/check"
	"dora-exporter/instrumentation/otlptest"
)

// checkedServer answers paths with texts, and others with 404; a text that begins with a number is a status.
func checkedServer(t *testing.T, answers map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Sat, 10 Jan 2026 15:00:00 GMT")
		text, known := answers[r.URL.Path]
		switch {
		case !known:
			w.WriteHeader(http.StatusNotFound)
			text = `{"message":"Not Found"}`
		case strings.HasPrefix(text, "401 "):
			w.WriteHeader(http.StatusUnauthorized)
			text = strings.TrimPrefix(text, "401 ")
		}
		_, _ = fmt.Fprint(w, text)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// The output of a check for a configuration in which all is right, and for one in which all is wrong.
func TestCheck(t *testing.T) {
	const hook = `[{"id":7,"active":true,"events":["*"],"config":{"url":"https://dora.example.com/api/github","secret":"x"}}]`
	gitHub := checkedServer(t, map[string]string{
		"/rate_limit": `{"resources":{"core":{"limit":5000,"remaining":4990,"reset":1768060800}}}`,
		"/users/acme": `{"type":"Organization"}`, "/repos/acme/web": `{}`, "/repos/acme/web/commits": `[]`, "/repos/acme/web/pulls": `[]`,
		"/repos/acme/web/deployments": `[]`, "/orgs/acme/hooks": hook,
		"/orgs/acme/hooks/7/deliveries": `[{"delivered_at":"2026-01-10T14:00:00Z","status_code":202}]`,
	})
	refusing := checkedServer(t, map[string]string{"/rate_limit": `401 {"message":"Bad credentials"}`})
	jira := checkedServer(t, map[string]string{
		"/rest/api/2/serverInfo": `{"deploymentType":"Cloud"}`, "/rest/api/2/myself": `{"displayName":"Ann","timeZone":"Europe/Berlin"}`, "/rest/api/3/search/jql": `{"issues":[]}`,
	})
	refusingJira := checkedServer(t, map[string]string{"/rest/api/2/serverInfo": `401 {}`})
	backstage := checkedServer(t, map[string]string{"/api/catalog/entities": `[{"kind":"Component","metadata":{"name":"web"}}]`})
	refusingBackstage := checkedServer(t, map[string]string{"/api/catalog/entities": `401 {}`})
	receiver := "http://" + otlptest.NewHTTP(t, "127.0.0.1:0", nil).Address
	nothing := "http://127.0.0.1:1"
	folder := t.TempDir()
	names := strings.NewReplacer(gitHub, "GITHUB", refusing, "REFUSING", backstage, "BACKSTAGE", refusingBackstage, "REFUSING-BACKSTAGE",
		jira, "JIRA", refusingJira, "REFUSING-JIRA", strings.TrimPrefix(jira, "http://"), "jira.example", strings.TrimPrefix(refusingJira, "http://"), "refusing-jira.example",
		receiver, "RECEIVER", nothing, "NOTHING", strings.TrimPrefix(gitHub, "http://"), "github", strings.TrimPrefix(refusing, "http://"), "refusing",
		folder, "FOLDER")
	const text = `github:
  accounts: [{owners: [acme], base_url: %q, token: canary, webhook_secret: canary}]
jira: {webhook_secret: canary, base_url: %q, user: ann, token: canary}
catalog: {mode: backstage, endpoint: %q, token: canary}
teams: [{name: Shop, github_repositories: [acme/web, "acme/*", other/api]}]
otlp: {enabled: true, traces: true, endpoint: %q, timeout: 1s}
storage: {file: {path: %s/dora-exporter.prom}}
`
	for name, test := range map[string]struct {
		text   string
		failed int
	}{
		"good":    {fmt.Sprintf(text, gitHub, jira, backstage, receiver, folder), 0},
		"bad":     {fmt.Sprintf(text, refusing, refusingJira, refusingBackstage, nothing, filepath.Join(folder, "missing")), 6},
		"invalid": {"github:\n  tokn: canary\nserver: {port: http}\n", 2},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yml")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			found := Check(t.Context(), CheckOptions{Path: path, Named: true, Online: true, Now: func() time.Time { return fakeStart }})
			if failed := check.Failed(found); failed != test.failed {
				t.Errorf("%d failed, want %d", failed, test.failed)
			}
			var out strings.Builder
			if err := check.Write(&out, found, "text"); err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(names.Replace(out.String()), path, "config.yml")
			if strings.Contains(got, "canary") {
				t.Error("a secret is in the output")
			}
			want, err := os.ReadFile("testdata/check/" + name + ".txt")
			if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
