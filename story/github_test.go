package story

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// gitHubAPI is a stand-in for the GitHub REST API: commits, the pull requests that brought them, and their commits.
// https://docs.github.com/en/rest/commits/commits, https://docs.github.com/en/rest/pulls/pulls
type gitHubAPI struct {
	server  *httptest.Server
	latency time.Duration

	mu sync.Mutex
	// commits and pulls are by repository and sha or number.
	commits map[string]commit
	pulls   map[string]pull
	// fault answers instead of the API while it is set.
	fault func(http.ResponseWriter, *http.Request)
	calls int
}

type commit struct {
	message string
	date    time.Time
	// pull is the number of the pull request that brought it, 0 for none.
	pull int
}

type pull struct {
	number   int
	merged   time.Time // zero while it is open
	mergeSHA string
	shas     []string
}

func newGitHubAPI(t *testing.T) *gitHubAPI {
	g := &gitHubAPI{commits: map[string]commit{}, pulls: map[string]pull{}}
	g.server = httptest.NewServer(g)
	t.Cleanup(g.server.Close)
	return g
}

func (g *gitHubAPI) setFault(f func(http.ResponseWriter, *http.Request)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = f
}

func (g *gitHubAPI) called() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls
}

func (g *gitHubAPI) addCommit(repo, sha string, c commit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.commits[repo+"@"+sha] = c
}

func (g *gitHubAPI) addPull(repo string, p pull) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pulls[fmt.Sprintf("%s#%d", repo, p.number)] = p
}

var route = regexp.MustCompile(`^/repos/acme/([^/]+)/(commits|pulls)/([^/]+)(/pulls|/commits)?$`)

func (g *gitHubAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(g.latency)
	g.mu.Lock()
	if r.URL.Path != "/rate_limit" { // costs nothing
		g.calls++
	}
	fault := g.fault
	g.mu.Unlock()
	if fault != nil {
		fault(w, r)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if strings.Count(r.URL.Path, "/") == 3 { // a repository itself
		answer(w, r, true, map[string]string{"full_name": strings.TrimPrefix(r.URL.Path, "/repos/")})
		return
	}
	m := route.FindStringSubmatch(r.URL.Path)
	if m == nil {
		http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
		return
	}
	repo, id := m[1], m[3]
	c, isCommit := g.commits[repo+"@"+id]
	p, isPull := g.pulls[repo+"#"+id]
	switch m[2] + m[4] {
	case "commits/pulls":
		var found []any
		if p, ok := g.pulls[fmt.Sprintf("%s#%d", repo, c.pull)]; ok {
			found = append(found, pullJSON(repo, p))
		}
		answer(w, r, isCommit, page(w, r, found))
	case "commits":
		answer(w, r, isCommit, commitJSON(id, c))
	case "pulls":
		answer(w, r, isPull, pullJSON(repo, p))
	case "pulls/commits":
		var all []any
		for _, sha := range p.shas[:min(250, len(p.shas))] {
			all = append(all, commitJSON(sha, g.commits[repo+"@"+sha]))
		}
		answer(w, r, isPull, page(w, r, all))
	}
}

func answer(w http.ResponseWriter, _ *http.Request, found bool, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-RateLimit-Remaining", "4999")
	if !found {
		w.WriteHeader(http.StatusNotFound)
		body = map[string]string{"message": "Not Found"}
	}
	_ = json.NewEncoder(w).Encode(body)
}

// page is the part of a list that was asked for, with a Link header to the next one.
func page(w http.ResponseWriter, r *http.Request, all []any) []any {
	number, size := 1, 30
	if n, err := strconv.Atoi(r.URL.Query().Get("page")); err == nil {
		number = n
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("per_page")); err == nil {
		size = min(n, 100)
	}
	if number*size < len(all) {
		next := *r.URL
		q := next.Query()
		q.Set("page", strconv.Itoa(number+1))
		next.RawQuery = q.Encode()
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s>; rel="next"`, r.Host, next.String()))
	}
	from := min(len(all), (number-1)*size)
	return append([]any{}, all[from:min(len(all), from+size)]...)
}

func commitJSON(sha string, c commit) any {
	return map[string]any{
		"sha": sha,
		"commit": map[string]any{
			"message":   c.message,
			"author":    map[string]any{"name": "Jo", "date": c.date.UTC().Format(time.RFC3339)},
			"committer": map[string]any{"name": "GitHub", "date": c.date.Add(time.Hour).UTC().Format(time.RFC3339)},
		},
	}
}

func pullJSON(repo string, p pull) any {
	j := map[string]any{
		"number": p.number, "state": "open", "merged_at": nil, "merge_commit_sha": p.mergeSHA,
		"base": map[string]any{"ref": "main", "repo": map[string]any{"full_name": "acme/" + repo, "name": repo}},
	}
	if !p.merged.IsZero() {
		j["state"], j["merged_at"] = "closed", p.merged.UTC().Format(time.RFC3339)
	}
	return j
}
