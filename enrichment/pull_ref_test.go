package enrichment

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// pullRefHistory has the open pull request 7 of p1 and p2, with the test merge t7 that GitHub made of it and main, and the branch b1.
func pullRefHistory(t *testing.T) *history {
	h := newHistory(t)
	h.branch("root", "p1", "p2")
	h.branch("root", "a1")
	h.pull(7, "a1", "p2")
	h.commit("t7", "Merge p2 into a1", "a1", "p2")
	h.branch("root", "b1")
	return h
}

// What is deployed as refs/pull/7/merge or refs/pull/7/head is pull request 7: GitHub names none for a test merge, and may name several
// for the head.
func TestPullRef(t *testing.T) {
	for name, test := range map[string]struct {
		head, base string
		number     int
		relation   dora.Relation
		want       []string
	}{
		"test merge, the first deployment": {"t7", "", 7, dora.First, []string{"#7 t7 from p1 with p1,p2"}},
		"test merge after root":            {"t7", "root", 7, dora.Ahead, []string{"a1 from a1", "#7 t7 from p1 with p1,p2"}},
		"test merge after main":            {"t7", "a1", 7, dora.Ahead, []string{"#7 t7 from p1 with p1,p2"}},
		"the base is gone":                 {"t7", "gone", 7, dora.Gone, []string{"#7 t7 from p1 with p1,p2"}},
		"head":                             {"p2", "root", 7, dora.Ahead, []string{"#7 p2 from p1 with p1"}},
		"the pull request is not there":    {"t7", "", 8, dora.First, []string{"t7 from t7"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := pullRefHistory(t)
			g := newInProcess(t, h.github(), Options{})
			head := theCommit
			head.SHA, head.Pull = test.head, test.number
			s, _, err := g.Ship(t.Context(), dora.Comparison{Head: head, Base: test.base, At: ever})
			if err != nil || s.Relation != test.relation {
				t.Fatalf("%s, %v", s.Relation, err)
			}
			if diff := cmp.Diff(test.want, h.describeAll(s)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Its duration begins with the first commit of the pull request, at the cost of two calls.
func TestOriginOfPullRef(t *testing.T) {
	f := pullRefHistory(t).github()
	g := newInProcess(t, f, Options{})
	c := theCommit
	c.SHA, c.Pull = "t7", 7
	o, err := g.Origin(t.Context(), c)
	if err != nil || o.PullRequest != 7 || !o.FirstCommit.Equal(at(t, "00:01")) {
		t.Errorf("%+v, %v", o, err)
	}
	if diff := cmp.Diff([]string{repoPath("pulls/7"), repoPath("pulls/7/commits")}, f.asked()); diff != "" {
		t.Errorf("calls: -want +got:\n%s", diff)
	}
}
