package enrichment

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// pastOf is the past of one scope of a repository that has others.
type pastOf struct {
	scope
	others scope
}

func (p pastOf) FirstChanges(ctx context.Context, shas []string) (map[string]string, error) {
	return slices.Concat(p.others, p.scope).FirstChanges(ctx, shas)
}

func (p pastOf) DeployedFrom(ctx context.Context, branch string) ([]string, error) {
	return slices.Concat(p.others, p.scope).DeployedFrom(ctx, branch)
}

// What another scope had first, by other names, is a change when this one gets it.
func TestAnotherScopeWasFirst(t *testing.T) {
	direct := func(sha string) deployed {
		return deployed{sha, "develop", dora.Shipment{Changes: []dora.Change{{SHA: sha, Commits: []string{sha}}}}}
	}
	onDevelop := func(squash bool) func(h *history) {
		return func(h *history) {
			h.branch("root", "d1", "d2")
			h.release(50, "r50", "root", "d2", squash)
		}
	}
	commits := []string{"d1 from d1", "d2 from d2", "(#50)"}
	for name, test := range map[string]struct {
		history func(h *history)
		others  scope
		want    []string
	}{
		"direct commits on develop, squashed": {onDevelop(true), scope{direct("root"), direct("d1"), direct("d2")}, commits},
		"direct commits on develop, merged":   {onDevelop(false), scope{direct("root"), direct("d1"), direct("d2")}, commits},
		"a branch whose commits went elsewhere": {
			onDevelop(true), scope{direct("d1"), direct("d2")}, []string{"#50 r50 from r50 with d1,d2"},
		},
		"a branch that was deployed before it had commits": {
			onDevelop(true), scope{{"root", "develop", dora.Shipment{}}}, []string{"#50 r50 from d1 with d1,d2"},
		},
		"a version on a release branch": {
			func(h *history) {
				h.branch("root", "a1")
				h.squash(1, "s1", "root", "a1")
				h.branch("s1", "bump")
				h.release(50, "r50", "root", "bump", false)
			},
			scope{{"bump", "release", dora.Shipment{Changes: []dora.Change{{SHA: "bump", Commits: []string{"bump"}}}}}},
			[]string{"#1 s1 from a1 with a1", "#50 r50 from bump with bump"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			test.history(h)
			g := newInProcess(t, h.github(), Options{})
			c := dora.Comparison{Head: theCommit, Base: "root", At: ever, Past: pastOf{scope{{sha: "root", branch: "main"}}, test.others}}
			c.Head.SHA, c.Head.OnDefaultBranch = "r50", true
			s, _, err := g.Ship(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([][]string{test.want}, h.changes(scope{{shipment: s}})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
