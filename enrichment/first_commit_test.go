package enrichment

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// A branch goes on after its pull request was rebased, and another environment has all of it before. In an environment without a previous
// deployment, no commit is left with which the first pull request may have begun, so it begins with the one that brought it.
func TestFirstDeploymentOfWhatAnotherChangeHas(t *testing.T) {
	for _, test := range []struct {
		name    string
		merge   func(h *history)
		failing string
		want    string
		calls   int
	}{
		{name: "rebased: the author date of the last commit", merge: rebaseTwice, want: "#1 r2 from a2 with a1,a2", calls: 3},
		{name: "squashed: the time of the merge", merge: squashTwice, want: "#1 r2 from r2 with a1,a2", calls: 3},
		{name: "GitHub fails to give the commit", merge: rebaseTwice, failing: "/commits/r2?", want: "#1 r2 with a1,a2 unavailable: no_answer", calls: 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHistory(t)
			h.branch("root", "a1", "a2")
			test.merge(h)
			elsewhere := h.deploy(t, map[string]dora.Origin{}, target{sha: "r3"})
			f := h.github().failWhere(test.failing)
			c := dora.Comparison{Head: theCommit, At: ever, Past: elsewhere, GiveUp: func(*dora.UnansweredError) bool { return true }}
			c.Head.SHA, c.Head.OnDefaultBranch = "r2", true
			s, _, err := newInProcess(t, f, Options{}).Ship(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{test.want}, h.describeAll(s)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if asked := f.asked(); count(asked, repoPath("")) != test.calls {
				t.Errorf("calls %s, want %d", strings.Join(asked, " "), test.calls)
			}
		})
	}
}

// rebaseTwice rebases the branch a as #1, and what follows on it as #2.
func rebaseTwice(h *history) {
	p := h.pull(1, "root", "a2")
	h.rebased("r1", "a1", "root")
	h.rebased("r2", "a2", "r1")
	p.into(h.commits["r2"])
	p.mergedAt = h.commits["r2"].committed
	h.branch("a2", "a3")
	p = h.pull(2, "r2", "a3")
	h.rebased("r3", "a3", "r2")
	p.into(h.commits["r3"])
	p.mergedAt = h.commits["r3"].committed
}

// squashTwice squashes the branch a as #1, and what follows on it as #2.
func squashTwice(h *history) {
	h.squash(1, "r2", "root", "a2")
	h.branch("a2", "a3")
	h.squash(2, "r3", "r2", "a3")
}
