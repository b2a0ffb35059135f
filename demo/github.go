package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// GitHub is a stand-in for GitHub's API. It has the endpoints that the exporter calls, with the fields that it reads and some more, and
// counts the calls.
// https://docs.github.com/en/rest/commits/commits, https://docs.github.com/en/rest/pulls/pulls
type GitHub struct {
	mux           *http.ServeMux
	calls, points atomic.Int64
}

// Calls returns how many calls were answered, and how many points the queries among them cost.
func (g *GitHub) Calls() (calls, points int) { return int(g.calls.Load()), int(g.points.Load()) }

// NewGitHub returns a GitHub with repositories.
func NewGitHub(repositories ...*Repository) *GitHub {
	byName := map[string]*Repository{}
	for _, r := range repositories {
		byName[strings.ToLower(r.FullName())] = r
	}
	g := &GitHub{mux: http.NewServeMux()}
	handle := func(route string, f func(*Repository, *http.Request) any) {
		g.mux.HandleFunc("GET /repos/{owner}/{repo}"+route, func(w http.ResponseWriter, q *http.Request) {
			r := byName[strings.ToLower(q.PathValue("owner")+"/"+q.PathValue("repo"))]
			if r == nil {
				answer(w, q, nil)
				return
			}
			answer(w, q, f(r, q))
		})
	}
	handle("", func(r *Repository, _ *http.Request) any { return object{"full_name": r.FullName()} })
	handle("/compare/{range}", compare)
	handle("/commits/{sha}", commit)
	handle("/commits/{sha}/pulls", commitPulls)
	handle("/pulls/{number}", pull)
	handle("/pulls/{number}/commits", pullCommits)
	handle("/pulls/{number}/files", pullFiles)
	handle("/deployments", deployments)
	handle("/deployments/{id}/statuses", deploymentStatuses)
	g.mux.Handle("POST /graphql", graphQL{byName, func(n int) { g.points.Add(int64(n)) }})
	g.mux.HandleFunc("/", func(w http.ResponseWriter, q *http.Request) { answer(w, q, nil) })
	return g
}

// ServeHTTP implements http.Handler.
func (g *GitHub) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	g.calls.Add(1)
	g.mux.ServeHTTP(w, q)
}

// object is a JSON object. A list of them is answered in pages.
type (
	object map[string]any
	list   []object
)

// answer writes a body, of a list only the requested page. A nil body is answered by 404.
func answer(w http.ResponseWriter, q *http.Request, body any) {
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("X-GitHub-Media-Type", "github.v3; format=json")
	header.Set("X-RateLimit-Limit", "5000")
	header.Set("X-RateLimit-Remaining", "4999")
	if body == nil {
		w.WriteHeader(http.StatusNotFound)
		body = object{"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
	}
	if all, ok := body.(list); ok {
		from, to := page(q, len(all))
		link(w, q, to < len(all))
		body = append(list{}, all[from:to]...)
	}
	_ = json.NewEncoder(w).Encode(body) // the client is gone
}

// page returns the part of a list that a request asks for.
func page(q *http.Request, length int) (from, to int) {
	number, size := query(q, "page", 1), min(query(q, "per_page", 30), 100)
	return min((number-1)*size, length), min(number*size, length)
}

// link adds the header with the URL of the next page, if there is one.
func link(w http.ResponseWriter, q *http.Request, more bool) {
	if !more {
		return
	}
	next := *q.URL
	values := next.Query()
	values.Set("page", strconv.Itoa(query(q, "page", 1)+1))
	next.RawQuery = values.Encode()
	w.Header().Set("Link", fmt.Sprintf(`<http://%s%s>; rel="next"`, q.Host, next.String()))
}

// query returns a positive number of the query, or def without one.
func query(q *http.Request, name string, def int) int {
	if n, err := strconv.Atoi(q.URL.Query().Get(name)); err == nil && n > 0 {
		return n
	}
	return def
}
