package pipeline_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"dora-exporter/enrichment"
)

// fakeGitHub answers the REST API from commit graphs. It is asked in process, without a network, so that the virtual time of synctest
// goes on.
type fakeGitHub struct {
	graphs []*graph
	// pageSize limits the pages of lists below GitHub's 100, so that small histories have several; 0 for GitHub's.
	pageSize int
	// never matches paths that are answered with 500 for ever.
	never *regexp.Regexp
	// down and denied end an outage of the whole API, and one of the token's access to a repository.
	down   time.Time
	denied map[string]time.Time
}

// client returns a new client of the fake, without anything in its caches.
func (f *fakeGitHub) client(t testing.TB) *enrichment.GitHub {
	t.Helper()
	client, err := enrichment.New(enrichment.Options{Transport: func(http.RoundTripper) http.RoundTripper { return f }})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// RoundTrip implements http.RoundTripper.
func (f *fakeGitHub) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	f.answer(w, r)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// object is a JSON object.
type object map[string]any

var notFound = object{"message": "Not Found"}

var (
	repositoryPath = regexp.MustCompile(`^/repos/acme/([^/]+)(/.*)?$`)
	repositoryByID = regexp.MustCompile(`^/repositories/(\d+)(/.*)?$`)
	commitPath     = regexp.MustCompile(`^/commits/([0-9a-f]{40})(/pulls)?$`)
	pullPath       = regexp.MustCompile(`^/pulls/(\d+)(/commits)?$`)
	comparePath    = regexp.MustCompile(`^/compare/([0-9a-f]{40})\.\.\.([0-9a-f]{40})$`)
)

func (f *fakeGitHub) answer(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case time.Now().Before(f.down):
		serve(w, http.StatusBadGateway, object{"message": "Bad Gateway"})
		return
	case path == "/rate_limit":
		serve(w, http.StatusOK, object{"resources": object{"core": object{"limit": 5000, "remaining": 4900, "reset": time.Now().Add(time.Hour).Unix()}}})
		return
	case f.never != nil && f.never.MatchString(path):
		serve(w, http.StatusInternalServerError, object{"message": "Server Error"})
		return
	}
	if m := repositoryByID.FindStringSubmatch(path); m != nil {
		for _, g := range f.graphs {
			if strconv.FormatInt(g.id, 10) == m[1] {
				f.repository(w, r, g, m[2])
				return
			}
		}
	}
	if m := repositoryPath.FindStringSubmatch(path); m != nil {
		for _, g := range f.graphs {
			switch m[1] {
			case g.name:
				f.repository(w, r, g, m[2])
				return
			case g.formerName:
				w.Header().Set("Location", fmt.Sprintf("https://%s/repositories/%d%s?%s", r.URL.Host, g.id, m[2], r.URL.RawQuery))
				serve(w, http.StatusMovedPermanently, object{"message": "Moved Permanently"})
				return
			}
		}
	}
	serve(w, http.StatusNotFound, notFound)
}

func (f *fakeGitHub) repository(w http.ResponseWriter, r *http.Request, g *graph, rest string) {
	if time.Now().Before(f.denied[g.name]) {
		serve(w, http.StatusNotFound, notFound)
		return
	}
	if rest == "" {
		serve(w, http.StatusOK, object{"id": g.id, "name": g.name, "full_name": "acme/" + g.name, "default_branch": g.defaultBranch})
		return
	}
	if m := commitPath.FindStringSubmatch(rest); m != nil {
		c := g.commits[m[1]]
		switch {
		case c == nil:
			serve(w, http.StatusUnprocessableEntity, object{"message": "No commit found for SHA: " + m[1]})
		case m[2] == "":
			serve(w, http.StatusOK, c.json())
		default:
			var all []object
			for _, p := range g.pulls {
				if p.has(c.sha) {
					all = append(all, p.json(g))
				}
			}
			serve(w, http.StatusOK, f.page(w, r, all))
		}
		return
	}
	if m := pullPath.FindStringSubmatch(rest); m != nil {
		number, _ := strconv.Atoi(m[1])
		p := g.pullNumber(number)
		switch {
		case p == nil:
			serve(w, http.StatusNotFound, notFound)
		case m[2] == "":
			serve(w, http.StatusOK, p.json(g))
		default:
			serve(w, http.StatusOK, f.page(w, r, g.json(p.commits[:min(len(p.commits), 250)])))
		}
		return
	}
	if m := comparePath.FindStringSubmatch(rest); m != nil {
		f.compare(w, r, g, m[1], m[2])
		return
	}
	serve(w, http.StatusNotFound, notFound)
}

func (f *fakeGitHub) compare(w http.ResponseWriter, r *http.Request, g *graph, base, head string) {
	if g.commits[base] == nil || g.commits[head] == nil {
		serve(w, http.StatusNotFound, notFound)
		return
	}
	ahead, behind := g.since(base, head), g.since(head, base)
	status := "identical"
	switch {
	case len(ahead) > 0 && len(behind) > 0:
		status = "diverged"
	case len(ahead) > 0:
		status = "ahead"
	case len(behind) > 0:
		status = "behind"
	}
	serve(w, http.StatusOK, object{
		"status": status, "ahead_by": len(ahead), "behind_by": len(behind), "total_commits": len(ahead),
		"commits": f.page(w, r, g.json(ahead)), "files": []object{},
	})
}

func (g *graph) json(commits []string) (all []object) {
	for _, sha := range commits {
		all = append(all, g.commits[sha].json())
	}
	return all
}

func (c *graphCommit) json() object {
	var parents []object
	for _, p := range c.parents {
		parents = append(parents, object{"sha": p})
	}
	return object{
		"sha": c.sha, "author": object{"login": c.author}, "parents": parents, "files": []object{},
		"commit": object{"message": c.message, "author": object{"date": stamp(c.authored)}, "committer": object{"date": stamp(c.committed)}},
	}
}

func (p *graphPull) json(g *graph) object {
	var labels []object
	for _, l := range p.labels {
		labels = append(labels, object{"name": l})
	}
	home := object{"id": g.id, "full_name": "acme/" + g.name, "default_branch": g.defaultBranch}
	state := "open"
	if !p.merged.IsZero() {
		state = "closed"
	}
	return object{
		"number": p.number, "state": state, "title": p.title, "body": p.body, "created_at": stamp(p.opened), "merged_at": stamp(p.merged),
		"closed_at": stamp(p.merged), "merge_commit_sha": p.merge, "user": object{"login": p.author}, "labels": labels,
		"head": object{"ref": p.branch, "sha": p.commits[len(p.commits)-1], "repo": home}, "base": object{"ref": p.base, "repo": home},
	}
}

// stamp returns a time as GitHub writes it; nil for none.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// page returns the page of a list that was asked for, and sets the header that names the next one.
func (f *fakeGitHub) page(w http.ResponseWriter, r *http.Request, all []object) []object {
	size, _ := strconv.Atoi(r.FormValue("per_page"))
	if f.pageSize > 0 {
		size = min(size, f.pageSize)
	}
	number, _ := strconv.Atoi(r.FormValue("page"))
	from := min(max(number-1, 0)*size, len(all))
	to := min(from+size, len(all))
	if to < len(all) {
		w.Header().Set("Link", fmt.Sprintf(`<https://%s%s?per_page=%d&page=%d>; rel="next"`, r.URL.Host, r.URL.EscapedPath(), size, max(number, 1)+1))
	}
	return append([]object{}, all[from:to]...)
}

func serve(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	var b strings.Builder
	_ = json.NewEncoder(&b).Encode(body)
	_, _ = w.Write([]byte(b.String()))
}
