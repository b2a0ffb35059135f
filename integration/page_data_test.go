package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// hostile are names that would run, break the page's markup, turn its text round or stand out of it.
var hostile = []string{
	`<script>window.harmed=1</script>`, `"><img src=x onerror="window.harmed=1">`, `</style></table><iframe src=https://elsewhere.example/>`,
	`javascript:window.harmed=1//'`, "\u2069\u202egnp.yliad", "🚀 👩‍💻 שלום", strings.Repeat("long", 60), strings.Repeat("W", 100),
}

// busyExporter is an exporter that has counted deployments of the last twelve weeks for a usual team and for hostile names.
func busyExporter(t *testing.T) *exporter {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/pulls") {
			_, _ = fmt.Fprint(w, `[]`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"sha":"c0ffee","commit":{"message":"change","author":{"date":%q}}}`, now.AddDate(0, 0, -90).Format(time.RFC3339))
	}))
	t.Cleanup(api.Close)
	e := newExporter(t, api.URL)
	var more strings.Builder
	for i, name := range hostile {
		fmt.Fprintf(&more, "  - {name: %s, github_repositories: [hostile-%d/*]}\n", text(name), i)
	}
	e.configure(t, more.String()+"deployments: {settle: 1s}\n")
	e.start(t)
	id := 0
	send := func(owner, repo, env, state string, at time.Time) {
		id++
		e.send(t, "deployment_status", fmt.Sprintf(`{"deployment_status":{"id":%d,"state":%s,"created_at":%q},`+
			`"deployment":{"id":%d,"sha":"c0ffee","ref":"main","environment":%s,"created_at":%q},`+
			`"repository":{"name":%s,"owner":{"login":%s},"default_branch":"main","url":"https://api.github.com/repos/acme/web"}}`,
			id, text(state), at.Format(time.RFC3339), id, text(env), at.Add(-time.Minute).Format(time.RFC3339), text(repo), text(owner)))
	}
	for week := range 12 {
		at := now.AddDate(0, 0, -7*week).Add(-time.Hour)
		send("acme", "web", "production", "success", at)
		if week%3 == 0 {
			send("acme", "web", "production", "failure", at.Add(time.Minute))
		}
	}
	for i, name := range hostile {
		send(fmt.Sprintf("hostile-%d", i), "web", "production", "success", now)
		send("acme", name, "production", "success", now)
		send(name, "web", "production", "success", now)
		send("acme", "web", name, "success", now)
		send("acme", "web", "production", name, now)
		e.sendJira(t, fmt.Sprintf(`{"timestamp":1,"webhookEvent":"jira:issue_created","issue":{"id":"%d","key":%s,"fields":{"issuetype":{"name":"Incident"},`+
			`"priority":{"name":%s},"project":{"key":%s},"created":"2026-03-02T10:00:00.000+0000"}}}`, i, text(name), text(name), text(name)))
		_, _ = e.post("deployment_status", `{"deployment_status":{"created_at":`+text(name)+`}}`) // refused
	}
	e.sendJira(t, `{"timestamp":1,"webhookEvent":"jira:issue_updated","issue":{"id":"99","key":"INC-1","fields":{"issuetype":{"name":"Incident"},`+
		`"project":{"key":"INC"},"created":"2026-03-02T10:00:00.000+0000","resolutiondate":"2026-03-02T11:00:00.000+0000"}}}`)
	eventually(t, "all is counted, and the page shows it", func() error {
		page, err := get("http://" + e.address + "/")
		if err != nil {
			return err
		}
		if strings.Count(page, "<caption>") < len(hostile)+3 || !strings.Contains(page, "its incident is counted as") || strings.Contains(page, "waiting") && strings.Contains(page, `class="waiting"`) {
			return fmt.Errorf("it is\n%s", page)
		}
		return nil
	})
	return e
}

// text is a string in JSON and YAML.
func text(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(data)
}
