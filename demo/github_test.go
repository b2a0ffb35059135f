package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

var morning = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// get calls the API and returns the answer with the URL of the next page. The status must be 200.
func get[T any](t *testing.T, api http.Handler, path string) (answer T, next string) {
	t.Helper()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/repos/acme/web/"+path, http.NoBody))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: status %d: %s", path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	next, _, _ = strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), ">")
	return answer, next
}

type comparison struct {
	Status  string
	Total   int `json:"total_commits"`
	Commits []struct{ SHA string }
}

func (c comparison) shas() (all []string) {
	for _, commit := range c.Commits {
		all = append(all, commit.SHA)
	}
	return all
}

func TestCompare(t *testing.T) {
	r := NewRepository("acme", "web")
	root := r.Push(Commit{Message: "Begin", Written: morning})
	p, tip := r.Open(PullRequest{Author: "ann", Branch: "more", Title: "More", Opened: morning}, "", Commit{Message: "one"}, Commit{Message: "two"})
	side := r.Push(Commit{Message: "Meanwhile", Written: morning})
	merge := r.Merge(p, Merge, morning.Add(time.Hour))
	api := NewGitHub(r)
	for _, test := range []struct {
		name, base, head, status string
		commits                  []string
	}{
		{"the same", side, side, "identical", nil},
		{"newer, with what the merge brought", side, merge, "ahead", []string{p.work[0], tip, merge}},
		{"older", merge, root, "behind", nil},
		{"a branch", side, tip, "diverged", []string{p.work[0], tip}},
	} {
		got, _ := get[comparison](t, api, "compare/"+test.base+"..."+test.head)
		if got.Status != test.status || got.Total != len(test.commits) || !slices.Equal(got.shas(), test.commits) {
			t.Errorf("%s: %+v, want %s %v", test.name, got, test.status, test.commits)
		}
	}
}

func TestComparePages(t *testing.T) {
	r := NewRepository("acme", "web")
	base := r.Push(Commit{Message: "Begin"})
	for i := range 120 {
		r.Push(Commit{Message: fmt.Sprint(i)})
	}
	path := fmt.Sprintf("compare/%s...%s?per_page=100&page=1", base, r.Main())
	first, _ := get[comparison](t, NewGitHub(r), path)
	second, _ := get[comparison](t, NewGitHub(r), strings.Replace(path, "&page=1", "&page=2", 1))
	all := append(first.shas(), second.shas()...)
	if len(first.Commits) != 100 || len(second.Commits) != 20 || len(slices.Compact(slices.Sorted(slices.Values(all)))) != 120 || second.Total != 120 {
		t.Errorf("pages of %d and %d commits of %d", len(first.Commits), len(second.Commits), second.Total)
	}
}

func TestMethods(t *testing.T) {
	r := NewRepository("acme", "web")
	r.Push(Commit{Message: "Begin", Written: morning})
	for _, how := range []Method{Merge, Squash, Rebase} {
		before := r.Main()
		p, _ := r.Open(PullRequest{Author: "ann", Branch: "b", Title: "Sell more", Opened: morning}, "", Commit{Message: "one", Written: morning}, Commit{Message: "two"})
		r.Push(Commit{Message: "Meanwhile"})
		sha := r.Merge(p, how, morning.Add(time.Hour))
		brought := len(r.without(before, r.Main())) - 1
		if want := map[Method]int{Merge: 3, Squash: 1, Rebase: 2}[how]; brought != want {
			t.Errorf("method %d brought %d commits, want %d", how, brought, want)
		}
		api := NewGitHub(r)
		pulls, _ := get[[]struct {
			Number int
			Result string    `json:"merge_commit_sha"`
			Merged time.Time `json:"merged_at"`
		}](t, api, "commits/"+sha+"/pulls")
		if len(pulls) != 1 || pulls[0].Number != p.Number || pulls[0].Result != sha || !pulls[0].Merged.Equal(morning.Add(time.Hour)) {
			t.Errorf("method %d: the pull requests of the commit are %+v", how, pulls)
		}
		work, _ := get[[]struct{ Commit struct{ Message string } }](t, api, fmt.Sprintf("pulls/%d/commits", p.Number))
		if len(work) != 2 || work[0].Commit.Message != "one" {
			t.Errorf("method %d: the pull request has the commits %+v", how, work)
		}
	}
}

func TestNextPage(t *testing.T) {
	r := NewRepository("acme", "web")
	r.Push(Commit{Message: "Begin"})
	p, _ := r.Open(PullRequest{Branch: "b"}, "", make([]Commit, 3)...)
	all, next := get[list](t, NewGitHub(r), fmt.Sprintf("pulls/%d/commits?per_page=2", p.Number))
	if len(all) != 2 || !strings.HasSuffix(next, "/repos/acme/web/pulls/1/commits?page=2&per_page=2") {
		t.Errorf("%d commits, then %s", len(all), next)
	}
	rest, next := get[list](t, NewGitHub(r), strings.TrimPrefix(next, "http://example.com/repos/acme/web/"))
	if len(rest) != 1 || next != "" {
		t.Errorf("then %d commits, then %s", len(rest), next)
	}
}
