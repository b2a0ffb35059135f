package org

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// GitHub answers calls about an organisation, and counts them. Now and then it fails, as GitHub does.
type GitHub struct {
	*Org
	// Site is the URL of the pages of its repositories.
	Site string
	// WithoutQueries is true if it has no GraphQL.
	WithoutQueries bool

	mux           *http.ServeMux
	calls, points atomic.Int64

	mu     sync.Mutex
	byPath map[string]int
}

// NewGitHub returns a stand-in for GitHub.
func NewGitHub(o *Org) *GitHub {
	g := &GitHub{Org: o, Site: "https://github.com", mux: http.NewServeMux(), byPath: map[string]int{}}
	g.mux.HandleFunc("POST /graphql", g.serveQuery)
	g.mux.HandleFunc("GET /orgs/{owner}/repos", func(w http.ResponseWriter, q *http.Request) {
		all := []object{}
		for index := range o.Repositories {
			all = append(all, object{"full_name": o.at(index).fullName()})
		}
		serve(w, q, all)
	})
	handle := func(path string, f func(*repository, *http.Request) any) {
		g.mux.HandleFunc("GET /repos/{owner}/{repo}"+path, func(w http.ResponseWriter, q *http.Request) {
			if r := o.repository(q.PathValue("owner"), q.PathValue("repo")); r != nil {
				serve(w, q, f(r, q))
				return
			}
			serve(w, q, nil)
		})
	}
	handle("", func(r *repository, _ *http.Request) any { return object{"id": r.id, "full_name": r.fullName()} })
	handle("/deployments", func(r *repository, _ *http.Request) any {
		return restList(newestFirst(r.deployments, func(d *deployment) time.Time { return d.created }), (*deployment).rest)
	})
	handle("/deployments/{id}/statuses", deploymentStatuses)
	handle("/commits", func(r *repository, q *http.Request) any {
		sha := q.URL.Query().Get("sha")
		if tip := r.tips[sha]; tip != "" {
			sha = tip
		}
		if r.bySHA[sha] == nil {
			return nil
		}
		return restList(r.history(sha, len(r.commits)), (*commit).rest)
	})
	handle("/commits/{sha}", func(r *repository, q *http.Request) any {
		if c := r.bySHA[q.PathValue("sha")]; c != nil {
			return c.rest()
		}
		return nil
	})
	handle("/commits/{sha}/pulls", func(r *repository, q *http.Request) any {
		return restList(r.pullsOf(q.PathValue("sha")), r.restPull)
	})
	handle("/pulls/{number}", func(r *repository, q *http.Request) any {
		if n, _ := strconv.Atoi(q.PathValue("number")); n > 0 && n <= len(r.pulls) {
			return r.restPull(r.pulls[n-1])
		}
		return nil
	})
	handle("/pulls/{number}/commits", func(r *repository, q *http.Request) any {
		n, _ := strconv.Atoi(q.PathValue("number"))
		return restList(r.pulls[n-1].own, (*commit).rest)
	})
	handle("/compare/{range}", compare)
	return g
}

// Spent returns how many calls were made and how many points the queries among them cost.
func (g *GitHub) Spent() (calls, points int) { return int(g.calls.Load()), int(g.points.Load()) }

// Kinds returns how many calls of which kind were made.
func (g *GitHub) Kinds() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return fmt.Sprint(g.byPath)
}

// failEvery is how many queries there are from one that fails to the next.
const failEvery = 211

// ServeHTTP implements http.Handler.
func (g *GitHub) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	n := g.calls.Add(1)
	kind := q.URL.Path[strings.LastIndex(q.URL.Path, "/")+1:]
	if strings.Contains(q.URL.Path, "/compare/") {
		kind = "compare"
	}
	if q.Method == http.MethodGet {
		g.count(kind)
	}
	q.URL.Path = strings.TrimPrefix(strings.TrimPrefix(q.URL.Path, "/api/v3"), "/api")
	switch {
	case g.WithoutQueries && q.Method == http.MethodPost:
		serve(w, q, nil)
	case n%failEvery == 0 && q.Method == http.MethodPost:
		http.Error(w, `{"message": "Something went wrong"}`, http.StatusBadGateway)
	case n%failEvery == 100:
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"message": "You have exceeded a secondary rate limit"}`, http.StatusForbidden)
	default:
		g.mux.ServeHTTP(w, q)
	}
}

func (g *GitHub) count(kind string) {
	g.mu.Lock()
	g.byPath[kind]++
	g.mu.Unlock()
}

// kindOf returns what a query is about: the name of its innermost connection or object that tells.
func kindOf(all []field) (kind string) {
	for _, f := range all {
		switch f.name {
		case "repositoryOwner", "object", "deployments", "pullRequests":
			return "query of " + f.name
		}
		if kind = kindOf(f.fields); kind != "" {
			return kind
		}
	}
	return ""
}

func (g *GitHub) serveQuery(w http.ResponseWriter, q *http.Request) {
	var body struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
	}
	err := json.NewDecoder(q.Body).Decode(&body)
	var fields []field
	if err == nil {
		fields, err = parse(body.Query, body.Variables)
	}
	var data any
	cost := points(fields)
	g.count(kindOf(fields))
	if err == nil {
		data, err = execute(g.root(cost), fields)
	}
	g.points.Add(int64(cost))
	answer := object{"data": data}
	if err != nil {
		answer = object{"errors": []object{{"message": err.Error()}}}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// pullsOf returns the pull requests that have or brought a commit.
func (r *repository) pullsOf(sha string) (all []*pull) {
	for _, p := range r.pulls {
		if p.result.sha == sha || slices.ContainsFunc(slices.Concat(p.own, p.rebased), func(c *commit) bool { return c.sha == sha }) {
			all = append(all, p)
		}
	}
	return all
}
