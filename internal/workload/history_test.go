package workload

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var christmas = time.Date(2025, 12, 25, 0, 0, 0, 0, time.UTC)

func TestHistory(t *testing.T) {
	const round = 2 * Repositories // deployments until a repository has its next release
	h := NewHistory(1096, christmas)
	for name, c := range map[string]struct {
		index int
		want  Deployment
	}{
		"the first":                            {0, Deployment{Environment: "staging", result: "success", commit: 1}},
		"to production after staging":          {1, Deployment{Environment: "production", result: "success", commit: 1}},
		"the next repository":                  {2, Deployment{Repository: 1, Environment: "staging", result: "success", commit: 1}},
		"the next release has one commit more": {round, Deployment{Environment: "staging", result: "success", commit: 2}},
		"the one after it two":                 {2 * round, Deployment{Environment: "staging", result: "success", commit: 4}},
		"a release before it fails":            {3 * round, Deployment{Environment: "staging", result: "success", commit: 5}},
		"a failure":                            {3*round + 1, Deployment{Environment: "production", result: "failure", commit: 5}},
		"the release before a rollback":        {6*round + 1, Deployment{Environment: "production", result: "success", commit: 10}},
		"a rollback to the one before that":    {7*round + 1, Deployment{Environment: "production", result: "success", commit: 8}},
		"the release after a rollback":         {8*round + 1, Deployment{Environment: "production", result: "success", commit: 13}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.index, c.want.at = c.index, christmas.AddDate(-3, 0, c.index) // three years have 1096 days
			if diff := cmp.Diff(c.want, h.Deployment(c.index), cmp.AllowUnexported(Deployment{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSHA(t *testing.T) {
	seen := map[string]bool{}
	for repository := range 3 {
		for n := range 300 {
			s := sha(repository, n)
			if got, ok := commitNumber(s); got != n || !ok {
				t.Errorf("commit %d has the number %d, %v", n, got, ok)
			}
			if len(s) != 40 || seen[s] {
				t.Errorf("commit %d has the SHA %q, which is another one's or too short", n, s)
			}
			seen[s] = true
		}
	}
	for _, s := range []string{"", "main", "zz" + sha(0, 1)[2:]} {
		if n, ok := commitNumber(s); ok {
			t.Errorf("%q is commit %d", s, n)
		}
	}
}

// The first release that brings a commit is deployed an hour after the commit was merged.
func TestGitHub(t *testing.T) {
	github := NewGitHub(NewHistory(1096, christmas))
	get := func(path string, v any) {
		t.Helper()
		w := httptest.NewRecorder()
		github.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if err := json.Unmarshal(w.Body.Bytes(), v); err != nil || w.Code != 200 {
			t.Fatalf("GET %s: status %d: %v: %s", path, w.Code, err, w.Body)
		}
	}
	type commit struct {
		SHA     string
		Parents []struct{ SHA string }
		Commit  struct {
			Message string
			Author  struct{ Date time.Time }
		}
	}
	var compared struct {
		Status  string
		Commits []commit
	}
	repo := "/repos/acme/service-02"
	get(repo+"/compare/"+sha(2, 2)+"..."+sha(2, 4), &compared)
	var got []string
	for _, c := range compared.Commits {
		got = append(got, c.SHA, c.Parents[0].SHA)
	}
	if diff := cmp.Diff([]string{sha(2, 3), sha(2, 2), sha(2, 4), sha(2, 3)}, got); diff != "" || compared.Status != "ahead" {
		t.Errorf("%s, with the commits and parents:\n%s", compared.Status, diff)
	}
	for base, want := range map[int]string{4: "identical", 5: "behind"} {
		get(repo+"/compare/"+sha(2, base)+"..."+sha(2, 4), &compared)
		if compared.Status != want || len(compared.Commits) > 0 {
			t.Errorf("from commit %d: %s, with %d commits", base, compared.Status, len(compared.Commits))
		}
	}
	var pulls []struct {
		Number         int
		MergedAt       time.Time `json:"merged_at"`
		MergeCommitSHA string    `json:"merge_commit_sha"`
	}
	get(repo+"/commits/"+sha(2, 3)+"/pulls", &pulls)
	merged := christmas.AddDate(-3, 0, 2*2*Repositories+2*2).Add(-time.Hour) // release 2 brings commits 3 and 4
	if len(pulls) != 1 || pulls[0].Number != 3 || pulls[0].MergeCommitSHA != sha(2, 3) || !pulls[0].MergedAt.Equal(merged) {
		t.Errorf("commit 3 has the pull requests %+v, want one that was merged at %s", pulls, merged)
	}
	var work []commit
	get(repo+"/pulls/3/commits", &work)
	if len(work) != 2 || !work[0].Commit.Author.Date.Equal(merged.Add(-30*time.Hour)) || work[1].Parents[0].SHA != work[0].SHA {
		t.Errorf("pull request 3 has the commits %+v", work)
	}
}
