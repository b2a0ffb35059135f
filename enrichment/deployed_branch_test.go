package enrichment

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// wholeName returns a SHA with a readable beginning, since the answers about names that may mean another commit later are not remembered.
func wholeName(name string) string {
	sum := sha1.Sum([]byte(name))
	return hex.EncodeToString(sum[:])
}

// A pull request is merged from a branch from which other commits were deployed before: those of an earlier branch of its name, those from before
// it was rebased, or those that it had before.
func TestDeployedBranch(t *testing.T) {
	work, merged := []string{wholeName("a1"), wholeName("a2")}, wholeName("m1")
	claimed := []string{fmt.Sprintf("#1 %s from %s with %s,%s", merged, work[0], min(work[0], work[1]), max(work[0], work[1]))}
	direct := []string{fmt.Sprintf("%s from %[1]s", work[0]), fmt.Sprintf("%s from %[1]s", work[1])}
	for _, test := range []struct {
		name     string
		deployed []string
		onBranch bool // they were on the branch before its own commits
		failing  string
		want     []string
		// calls are those that tell whether they were, again those of another environment.
		calls, again int
	}{
		{name: "nothing else was deployed", want: claimed},
		{name: "its own commit", deployed: work[:1], want: claimed},
		{name: "one of another branch", deployed: []string{"x1"}, want: claimed, calls: 1},
		{name: "five of other branches", deployed: []string{"x1", "x2", "x3", "x4", "x5"}, want: claimed, calls: maxRelations},
		{name: "what it had before", deployed: []string{"x1", "x2"}, onBranch: true, want: direct, calls: 1},
		{name: "what GitHub no longer has", deployed: []string{"gone"}, want: claimed, calls: 1, again: 1},
		{name: "GitHub fails to tell", deployed: []string{"x1"}, failing: "..." + work[1], want: direct, calls: 1, again: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHistory(t)
			var past scope
			from := "root"
			for _, name := range test.deployed {
				sha := name
				if name != work[0] && name != "gone" {
					sha = wholeName(name)
					h.branch(from, sha)
				}
				if test.onBranch {
					from = sha
				}
				past = append(past, deployed{sha: sha, branch: "branch-1"})
			}
			base := wholeName("base")
			h.branch(from, base)
			h.branch(base, work...)
			h.merge(1, merged, base, work[1])
			f := h.github().failWhere(test.failing)
			g := newInProcess(t, f, Options{})
			for i, calls := range []int{test.calls, test.again} {
				c := dora.Comparison{Head: theCommit, Base: base, At: ever, Past: past, GiveUp: func(*dora.UnansweredError) bool { return true }}
				c.Head.SHA, c.Head.OnDefaultBranch = merged, true
				before := count(f.asked(), "..."+work[1])
				s, _, err := g.Ship(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, h.describeAll(s)); diff != "" {
					t.Errorf("changes (-want +got):\n%s", diff)
				}
				if asked := count(f.asked(), "..."+work[1]) - before; asked != calls {
					t.Errorf("environment %d: %d calls, want %d", i+1, asked, calls)
				}
			}
		})
	}
}
