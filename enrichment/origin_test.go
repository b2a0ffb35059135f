package enrichment

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dora-exporter/dora"
)

// forDuration leaves out what a duration does not need.
var forDuration = cmpopts.IgnoreFields(dora.Origin{}, "Title", "Opened", "Merged", "Author", "Branch", "PullLabels", "Reverts", "PullCommits", "MergeCommit", "Head", "BackMerge", "Fork")

func TestOrigin(t *testing.T) {
	commitPath := repoPath("commits/%s", sha)
	commitsOf := func(n int) string { return repoPath("pulls/%d/commits", n) }
	// Each pull request's first commit tells which one was taken: that of number 7 was written at 07:00.
	oneOf := func(numbers ...int) map[string][]object {
		lists := map[string][]object{}
		for _, n := range numbers {
			lists[commitsOf(n)] = []object{aCommit("0"+string(rune('0'+n))+":00", "work")}
		}
		return lists
	}
	pull := func(n int) dora.Origin {
		return dora.Origin{FirstCommit: at(t, "0"+string(rune('0'+n))+":00"), PullRequest: n}
	}
	itself := dora.Origin{FirstCommit: at(t, "20:00")}

	tests := []struct {
		name      string
		commit    func(*dora.Commit)
		pulls     []object
		lists     map[string][]object
		objects   map[string]object
		message   string // of the commit itself, written at 20:00
		want      dora.Origin
		wantCalls int
	}{
		{
			name:  "squash: the first of two commits, by its author's date",
			pulls: []object{aPull(home, 5, "closed", "12:00", sha)},
			lists: map[string][]object{commitsOf(5): {aCommit("06:30", "later"), aCommit("05:00", "first")}},
			want:  pull(5), wantCalls: 2,
		},
		{
			name:  "a merged one whose merge commit it is goes before an earlier one",
			pulls: []object{aPull(home, 1, "closed", "10:00", "other"), aPull(home, 2, "closed", "12:00", sha)},
			lists: oneOf(1, 2), want: pull(2), wantCalls: 2,
		},
		{
			name:  "else the earliest merged one",
			pulls: []object{aPull(home, 1, "closed", "12:00", "x"), aPull(home, 2, "closed", "10:00", "y"), aPull(home, 3, "open", "", sha)},
			lists: oneOf(1, 2, 3), want: pull(2), wantCalls: 2,
		},
		{
			name:  "merged at the same time: the lowest number",
			pulls: []object{aPull(home, 4, "closed", "12:00", "x"), aPull(home, 3, "closed", "12:00", "y")},
			lists: oneOf(3, 4), want: pull(3), wantCalls: 2,
		},
		{
			name:  "not on the default branch: the open one with the lowest number",
			pulls: []object{aPull(home, 8, "open", "", "x"), aPull(home, 7, "open", "", "y")},
			lists: oneOf(7, 8), want: pull(7), wantCalls: 2,
		},
		{
			name:   "on the default branch: not an open one",
			commit: func(c *dora.Commit) { c.OnDefaultBranch = true },
			pulls:  []object{aPull(home, 7, "open", "", "y")},
			lists:  oneOf(7), want: itself, wantCalls: 2,
		},
		{
			name:   "on the default branch: a merged one",
			commit: func(c *dora.Commit) { c.OnDefaultBranch = true },
			pulls:  []object{aPull(home, 6, "open", "", "y"), aPull(home, 7, "closed", "12:00", "y")},
			lists:  oneOf(6, 7), want: pull(7), wantCalls: 2,
		},
		{
			name:  "closed and not merged: never, not even with the merge commit",
			pulls: []object{aPull(home, 7, "closed", "", sha)},
			lists: oneOf(7), want: itself, wantCalls: 2,
		},
		{
			name:  "of another base repository: never",
			pulls: []object{aPull("upstream/shop", 1, "closed", "08:00", sha), aPull(home, 2, "closed", "12:00", "x")},
			lists: oneOf(1, 2), want: pull(2), wantCalls: 2,
		},
		{
			name:  "the base repository's name without regard to case",
			pulls: []object{aPull("Acme/SHOP", 2, "closed", "12:00", "x")},
			lists: oneOf(2), want: pull(2), wantCalls: 2,
		},
		{
			name:  "no base repository given",
			pulls: []object{{"number": 2, "state": "closed", "merged_at": when("12:00"), "base": object{"repo": nil}}},
			lists: oneOf(2), want: pull(2), wantCalls: 2,
		},
		{
			name: "pushed without a pull request",
			want: itself, wantCalls: 2,
		},
		{
			name:    "a reference at the subject's end",
			message: "Sell more (#5)\n\nMore.",
			lists:   oneOf(5), objects: map[string]object{repoPath("pulls/5"): aPull(home, 5, "closed", "12:00", "x")},
			want: pull(5), wantCalls: 4,
		},
		{
			name:    "a merge commit's subject",
			message: "Merge pull request #6 from acme/branch (see #7)\n\nTitle (#8)",
			lists:   oneOf(6, 7, 8), objects: map[string]object{repoPath("pulls/6"): aPull(home, 6, "closed", "12:00", "x")},
			want: pull(6), wantCalls: 4,
		},
		{
			name:    "the reference is an issue",
			message: "Sell more (#5)",
			lists:   oneOf(5), want: itself, wantCalls: 3,
		},
		{
			name:    "the reference is a pull request that is not merged",
			message: "Sell more (#5)",
			lists:   oneOf(5), objects: map[string]object{repoPath("pulls/5"): aPull(home, 5, "open", "", "x")},
			want: itself, wantCalls: 3,
		},
		{
			name:    "mentions in the body and within the subject are none",
			message: "Revert: Merge pull request #7 (#7), at last\n\nfixes #7 (#7)\nMerge pull request #7\n(#7)",
			lists:   oneOf(7), objects: map[string]object{repoPath("pulls/7"): aPull(home, 7, "closed", "12:00", "x")},
			want: itself, wantCalls: 2,
		},
		{
			name:    "a pull request without commits: the commit itself, and not its reference",
			pulls:   []object{aPull(home, 5, "closed", "12:00", sha)},
			message: "Sell more (#6)",
			lists:   map[string][]object{commitsOf(5): {}, commitsOf(6): {aCommit("06:00", "")}},
			objects: map[string]object{repoPath("pulls/6"): aPull(home, 6, "closed", "12:00", "x")},
			want:    itself, wantCalls: 3,
		},
		{
			name:  "dates that are absent, zero or unreadable are left out",
			pulls: []object{aPull(home, 5, "closed", "12:00", sha)},
			lists: map[string][]object{commitsOf(5): {
				{"commit": object{"author": nil}},
				{"commit": object{"author": object{"date": "0001-01-01T00:00:00Z"}}},
				{"commit": object{"author": object{"date": "+12345-01-01T00:00:00Z"}}},
				{"commit": object{"author": object{"date": when("05:00")}}},
			}},
			want: pull(5), wantCalls: 2,
		},
		{
			name:    "no date at all",
			objects: map[string]object{commitPath: {"sha": sha, "commit": object{"message": "m", "author": object{}}}},
			want:    dora.Origin{Unavailable: dora.ReasonNoDate}, wantCalls: 2,
		},
		{
			name:   "no commit",
			commit: func(c *dora.Commit) { c.SHA = "" },
			want:   dora.Origin{Unavailable: dora.ReasonNoCommit},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &fakeGitHub{
				lists:   map[string][]object{pullsPath: test.pulls},
				objects: map[string]object{commitPath: aCommit("20:00", test.message)},
			}
			for path, list := range test.lists {
				f.lists[path] = list
			}
			for path, page := range test.objects {
				f.objects[path] = page
			}
			c := theCommit
			if test.commit != nil {
				test.commit(&c)
			}
			got, err := newServed(t, f, Options{}).Origin(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, forDuration); diff != "" {
				t.Errorf("origin (-want +got):\n%s", diff)
			}
			if calls := f.asked(); len(calls) != test.wantCalls {
				t.Errorf("%d calls, want %d: %q", len(calls), test.wantCalls, calls)
			}
		})
	}
}

func TestOriginReadsAllPages(t *testing.T) {
	f := withPull()
	var commits []object
	for range 230 {
		commits = append(commits, aCommit("10:00", "work"))
	}
	commits[229] = aCommit("03:00", "the first")
	f.lists[repoPath("pulls/%d/commits", 109)] = commits
	// The merged pull request is behind 100 that are open.
	f.lists[pullsPath] = nil
	for n := range 100 {
		f.lists[pullsPath] = append(f.lists[pullsPath], aPull(home, n+1, "open", "", "x"))
	}
	f.lists[pullsPath] = append(f.lists[pullsPath], aPull(home, 109, "closed", "12:00", sha))

	got, err := newServed(t, f, Options{}).Origin(t.Context(), theCommit)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dora.Origin{FirstCommit: at(t, "03:00"), PullRequest: 109}, got, forDuration); diff != "" {
		t.Errorf("origin (-want +got):\n%s", diff)
	}
	if calls := f.asked(); count(calls, "/pulls/109/commits") != 3 || len(calls) != 5 {
		t.Errorf("calls: %q", calls)
	}
}

func TestOriginIsNotInCircles(t *testing.T) {
	f := withPull()
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Link", `<http://`+r.Host+`/?page=2>; rel="next"`)
		return false
	}
	got, err := newServed(t, f, Options{}).Origin(t.Context(), theCommit)
	if err != nil || got.PullRequest != 109 {
		t.Errorf("origin %+v, error %v", got, err)
	}
	if calls := f.asked(); len(calls) != 4 {
		t.Errorf("calls: %q", calls)
	}
}

func TestOriginNotThere(t *testing.T) {
	tests := []struct {
		name   string
		at     string // the path that answers
		status int
		want   string
	}{
		{"pull requests of a commit that is gone", pullsPath, 404, dora.ReasonNotFound},
		{"pull requests of no commit", pullsPath, 422, dora.ReasonUnprocessed},
		{"repository is gone", pullsPath, 410, dora.ReasonNotFound},
		{"repository is blocked", pullsPath, 451, dora.ReasonNotFound},
		{"pull request's commits", repoPath("pulls/109/commits"), 404, dora.ReasonNotFound},
		{"commit", repoPath("commits/%s", sha), 422, dora.ReasonUnprocessed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := withPull()
			if test.at == repoPath("commits/%s", sha) {
				f.lists[pullsPath] = []object{}
			}
			f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != test.at {
					return false
				}
				serveJSON(w, test.status, object{"message": "No commit found for SHA"})
				return true
			}
			g := newServed(t, f, Options{})
			for range 2 { // the gate stays open, so that the second call is not held up
				_, err := g.Origin(t.Context(), theCommit)
				var missing *dora.NotFoundError
				if !errors.As(err, &missing) || missing.Reason != test.want {
					t.Fatalf("error %v, want a NotFoundError with reason %s", err, test.want)
				}
				if !strings.Contains(err.Error(), "No commit found for SHA") || !strings.Contains(err.Error(), test.at) {
					t.Errorf("error %q doesn't say what GitHub said to what", err)
				}
			}
		})
	}
}

func TestOriginOfRenamedRepository(t *testing.T) {
	for _, form := range []string{"/repositories/4711", "/repos/acme/new-name"} {
		t.Run(form, func(t *testing.T) {
			pull := aPull("acme/new-name", 109, "closed", "12:00", sha)
			pull["base"] = object{"repo": object{"id": 4711, "full_name": "acme/new-name"}}
			other := aPull("acme/other", 1, "closed", "08:00", sha)
			f := &fakeGitHub{
				lists: map[string][]object{
					form + "/commits/" + sha + "/pulls": {other, pull},
					form + "/pulls/109/commits":         {aCommit("09:00", "one")},
				},
			}
			var auth []string
			f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				auth = append(auth, r.Header.Get("Authorization"))
				rest, old := strings.CutPrefix(r.URL.Path, "/repos/"+home)
				if old {
					http.Redirect(w, r, form+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
				}
				return old
			}
			got, err := newServed(t, f, Options{Token: "secret"}).Origin(t.Context(), theCommit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(dora.Origin{FirstCommit: at(t, "09:00"), PullRequest: 109}, got, forDuration); diff != "" {
				t.Errorf("origin (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"Bearer secret", "Bearer secret", "Bearer secret", "Bearer secret"}, auth); diff != "" {
				t.Errorf("tokens (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOriginLog(t *testing.T) {
	var log bytes.Buffer
	f := withPull()
	g := newInProcess(t, f, Options{BaseURL: "https://api.example.com", Logger: logTo(&log)})
	if _, err := g.Origin(t.Context(), theCommit); err != nil {
		t.Fatal(err)
	}
	f.lists[pullsPath] = []object{}
	f.objects[repoPath("commits/%s", sha)] = aCommit("11:00", "Sell more")
	if _, err := g.Origin(t.Context(), theCommit); err != nil {
		t.Fatal(err)
	}
	const repo = "https://api.example.com/repos/acme/shop/"
	want := `level=DEBUG component=github_api call=` + repo + `commits/` + sha + `/pulls
level=DEBUG pull_request_reference=found PR=109
level=DEBUG component=github_api call=` + repo + `pulls/109/commits
level=DEBUG repo=shop sha=` + sha + ` PR=109 date=pr_first_commit
level=DEBUG component=github_api call=` + repo + `commits/` + sha + `/pulls
level=DEBUG component=github_api call=` + repo + `commits/` + sha + `
level=DEBUG repo=shop commit_info=` + sha + `
level=DEBUG pull_request_reference=not_found
level=DEBUG repo=shop sha=` + sha + ` date=current_commit
`
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
