package workload

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// latency is how long each answer of the stand-in for GitHub takes.
const latency = 5 * time.Millisecond

type (
	object map[string]any
	list   []object
)

// NewGitHub returns a stand-in for GitHub's API. Its answers follow from the number in each SHA: a repository is one line of commits, each
// the squashed commits of the pull request with the same number.
func NewGitHub(h History) http.Handler {
	g := gitHub{h}
	mux := http.NewServeMux()
	handle := func(route string, f func(q *http.Request) any) {
		mux.HandleFunc("GET "+route, func(w http.ResponseWriter, q *http.Request) {
			time.Sleep(latency)
			answer(w, f(q))
		})
	}
	handle("/repos/{owner}/{repo}", func(q *http.Request) any {
		return object{"full_name": q.PathValue("owner") + "/" + q.PathValue("repo")}
	})
	handle("/repos/{owner}/{repo}/compare/{range}", g.compare)
	handle("/repos/{owner}/{repo}/commits/{sha}", func(q *http.Request) any {
		if n, ok := commitNumber(q.PathValue("sha")); ok {
			return g.commit(q, n)
		}
		return nil
	})
	handle("/repos/{owner}/{repo}/commits/{sha}/pulls", func(q *http.Request) any {
		if n, ok := commitNumber(q.PathValue("sha")); ok {
			return list{g.pull(q, n)}
		}
		return nil
	})
	handle("/repos/{owner}/{repo}/pulls/{number}", func(q *http.Request) any {
		if n, err := strconv.Atoi(q.PathValue("number")); err == nil {
			return g.pull(q, n)
		}
		return nil
	})
	handle("/repos/{owner}/{repo}/pulls/{number}/commits", func(q *http.Request) any {
		if n, err := strconv.Atoi(q.PathValue("number")); err == nil {
			return g.pullCommits(q, n)
		}
		return nil
	})
	handle("/rate_limit", func(*http.Request) any {
		core := object{"limit": 5000, "remaining": 4999, "reset": time.Now().Add(time.Hour).Unix()}
		return object{"resources": object{"core": core}, "rate": core}
	})
	return mux
}

func answer(w http.ResponseWriter, body any) {
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("X-RateLimit-Limit", "5000")
	header.Set("X-RateLimit-Remaining", "4999")
	header.Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
	if body == nil {
		w.WriteHeader(http.StatusNotFound)
		body = object{"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
	}
	_ = json.NewEncoder(w).Encode(body) // the client is gone
}

type gitHub struct{ history History }

func (g gitHub) compare(q *http.Request) any {
	base, head, _ := strings.Cut(q.PathValue("range"), "...")
	from, ok := commitNumber(base)
	to, ok2 := commitNumber(head)
	if !ok || !ok2 {
		return nil
	}
	commits := list{}
	for n := from + 1; n <= to && len(commits) < 100; n++ {
		commits = append(commits, g.commit(q, n))
	}
	status := "identical"
	switch {
	case to > from:
		status = "ahead"
	case to < from:
		status = "behind"
	}
	return object{
		"status": status, "ahead_by": max(0, to-from), "behind_by": max(0, from-to), "total_commits": max(0, to-from), "commits": commits,
		"files": list{{"filename": "main.go", "status": "modified"}},
	}
}

func (g gitHub) repository(q *http.Request) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(q.PathValue("repo"), "service-"))
	return n
}

// merged returns when commit n came to the default branch: an hour before the deployment of its release to staging.
func (g gitHub) merged(q *http.Request, n int) time.Time {
	release := (2*n - 1) / 3
	for release > 0 && newest(release-1) >= n {
		release--
	}
	for newest(release) < n {
		release++
	}
	return g.history.Deployment(2 * (release*Repositories + g.repository(q))).at.Add(-time.Hour)
}

func (g gitHub) commit(q *http.Request, n int) object {
	r := g.repository(q)
	o := commitObject(q, sha(r, n), fmt.Sprintf("Change %d (#%d)", n, n), g.merged(q, n))
	if n > 0 {
		o["parents"] = list{{"sha": sha(r, n-1)}}
	}
	return o
}

func (g gitHub) pull(q *http.Request, n int) object {
	r, merged := g.repository(q), g.merged(q, n)
	home := object{"id": repositoryID(r), "name": RepositoryName(r), "full_name": Owner + "/" + RepositoryName(r), "default_branch": "main"}
	return object{
		"number": n, "state": "closed", "title": fmt.Sprintf("Change %d", n), "body": "", "labels": list{},
		"html_url": fmt.Sprintf("https://github.com/%s/%s/pull/%d", Owner, RepositoryName(r), n),
		"user":     object{"login": author(n), "type": "User"}, "created_at": stamp(merged.Add(-20 * time.Hour)),
		"merged_at": stamp(merged), "closed_at": stamp(merged), "merge_commit_sha": sha(r, n),
		"head": object{"ref": fmt.Sprintf("change-%d", n), "sha": branchSHA(r, n, 2), "repo": home},
		"base": object{"ref": "main", "sha": sha(r, n-1), "repo": home},
	}
}

// pullCommits returns the two commits of a pull request.
func (g gitHub) pullCommits(q *http.Request, n int) list {
	r, merged := g.repository(q), g.merged(q, n)
	first := commitObject(q, branchSHA(r, n, 1), "Begin", merged.Add(-30*time.Hour))
	first["parents"] = list{{"sha": sha(r, n-1)}}
	second := commitObject(q, branchSHA(r, n, 2), "Finish", merged.Add(-3*time.Hour))
	second["parents"] = list{{"sha": branchSHA(r, n, 1)}}
	return list{first, second}
}

// branchSHA returns the SHA of commit i of a pull request's branch.
func branchSHA(repository, n, i int) string { return "f" + sha(repository, 3*n+i)[1:] }

func commitObject(q *http.Request, sha, message string, at time.Time) object {
	url := "https://api.github.com/repos/" + q.PathValue("owner") + "/" + q.PathValue("repo") + "/commits/" + sha
	person := object{"name": "Ann", "email": "ann@example.com", "date": stamp(at)}
	return object{
		"sha": sha, "url": url, "parents": list{}, "author": object{"login": author(len(message)), "type": "User"},
		"committer": object{"login": "web-flow", "type": "User"},
		"commit":    object{"message": message, "author": person, "committer": person, "comment_count": 0},
	}
}

func author(n int) string { return [...]string{"ann", "bob", "eve", "joe", "zoe"}[n%5] }
