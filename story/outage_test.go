package story

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// The GitHub API fails in some way for a while. The counts are there meanwhile, every duration is in the end, and GitHub is
// not stormed with calls.
func TestGitHubOutage(t *testing.T) {
	reply := func(status int, body string, header ...string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
		}
	}
	hijack := func(text string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = fmt.Fprint(c, text)
			_ = c.Close()
		}
	}
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request){
		"500":             reply(500, `{"message":"Server Error"}`),
		"502 with HTML":   reply(502, "<html><h1>Bad Gateway</h1></html>"),
		"200 with HTML":   reply(200, "<html>Sign in</html>"),
		"truncated JSON":  reply(200, `[{"number": 1, "merged_`),
		"429":             reply(429, `{"message":"Too many requests"}`),
		"429, 1 s":        reply(429, `{"message":"Too many requests"}`, "Retry-After", "1"),
		"403, secondary":  reply(403, `{"message":"You have exceeded a secondary rate limit"}`, "Retry-After", "1"),
		"403, rate limit": reply(403, `{"message":"API rate limit exceeded"}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", strconv.FormatInt(time.Now().Unix()-1, 10)),
		"closed":          hijack(""),
		"reset mid-body":  hijack("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n[{\"num"),
		"redirect loop": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"?", http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newGitHubAPI(t)
			e := newExporter(t, api.server.URL)
			e.start()
			first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			want, counted := newTruth(), numbers{}
			var events []webhook
			for id := 1; id <= 30; id++ {
				sha := fmt.Sprintf("sha%d", id)
				api.addCommit("web", sha, commit{message: "change", date: first})
				d := deployed{id: id, repo: "web", env: "production", sha: sha}
				at := first.Add(time.Duration(id) * time.Hour)
				events = append(events, d.status(id, "success", at))
				want.status(d, "Platform", id, "success", at, first)
			}
			counted[deploymentSeries("github_deployments_total", "production", "web", "success", "Platform")] = 30
			api.setFault(fault)
			e.postAll(events)
			e.becomes(counted, 10*time.Second)
			time.Sleep(2 * time.Second) // the outage goes on
			// Eight look-ups under way when it began, then a probe after 1 s and one after 2 s more; a redirect loop is ten calls each.
			if calls := api.called(); calls > 24 && (name != "redirect loop" || calls > 240) {
				t.Errorf("%d calls during the outage", calls)
			}
			api.setFault(nil)
			e.becomes(want.numbers, time.Minute)
		})
	}
}
