package enrichment

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// shipCase is a history and what the deployment of head ships after that of base.
type shipCase struct {
	name      string
	history   func(h *history)
	base      string
	head      string
	byDefault bool
	relation  dora.Relation
	want      []string
	// calls is how many it takes when nothing is remembered, warm when the origin of head is.
	calls, warm int
}

func shipCases() []shipCase {
	return []shipCase{
		{
			name: "the first deployment ever: the change of its commit alone",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.merge(1, "m1", "root", "a2")
				h.squash(2, "m2", "m1", "a1")
			},
			head: "m1", relation: dora.First,
			want: []string{"#1 m1 from a1 with a1,a2"}, calls: 2,
		},
		{
			name:    "the same commit",
			history: func(h *history) { h.branch("root", "a1") },
			base:    "a1", head: "a1", relation: dora.Identical,
		},
		{
			name:    "an older commit",
			history: func(h *history) { h.branch("root", "a1", "a2") },
			base:    "a2", head: "a1", relation: dora.Behind, calls: 1, warm: 1,
		},
		{
			name: "diverged: what is new since the merge base",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.branch("root", "b1", "b2")
			},
			base: "a2", head: "b2", relation: dora.Diverged,
			want: []string{"b1 from b1", "b2 from b2"}, calls: 3, warm: 2,
		},
		{
			name:    "the base is gone after a force push",
			history: func(h *history) { h.branch("root", "a1", "a2") },
			base:    "gone", head: "a2", relation: dora.Gone,
			want: []string{"a2 from a2"}, calls: 4, warm: 2, // one asks whether the repository is there
		},
		{
			name: "merge commits: one call each",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.branch("root", "b1")
				h.merge(2, "m1", "root", "b1")
				h.merge(1, "m2", "m1", "a2")
			},
			base: "root", head: "m2", relation: dora.Ahead,
			want:  []string{"#2 m1 from b1 with b1", "#1 m2 from a1 with a1,a2"},
			calls: 3, warm: 2,
		},
		{
			name: "squashed: two calls each",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.squash(1, "s1", "root", "a2")
				h.branch("root", "b1")
				h.squash(2, "s2", "s1", "b1")
			},
			base: "root", head: "s2", relation: dora.Ahead,
			want:  []string{"#1 s1 from a1 with a1,a2", "#2 s2 from b1 with b1"},
			calls: 5, warm: 3,
		},
		{
			name: "rebased: two calls for all commits of the pull request",
			history: func(h *history) {
				h.branch("root", "a1", "a2", "a3")
				p := h.pull(1, "root", "a3")
				h.branch("root", "d1")
				h.rebased("r1", "a1", "d1")
				h.rebased("r2", "a2", "r1")
				h.rebased("r3", "a3", "r2")
				p.into(h.commits["r3"])
				p.rebased = []string{"r1", "r2"}
			},
			base: "root", head: "r3", relation: dora.Ahead,
			want:  []string{"d1 from d1", "#1 r3 from a1 with a1,a2,a3,r1,r2"},
			calls: 4, warm: 2,
		},
		{
			name: "rebased, and only some of it is deployed",
			history: func(h *history) {
				h.branch("root", "a1", "a2", "a3")
				p := h.pull(1, "root", "a3")
				h.rebased("r1", "a1", "root")
				h.rebased("r2", "a2", "r1")
				h.rebased("r3", "a3", "r2")
				p.into(h.commits["r3"])
				p.rebased = []string{"r1", "r2"}
			},
			base: "root", head: "r2", relation: dora.Ahead,
			want:  []string{"#1 r2 from a1 with a1,a2,a3,r1"},
			calls: 3, warm: 1,
		},
		{
			name: "the first deployment ever is of a squashed pull request",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.squash(1, "s1", "root", "a2")
			},
			head: "s1", relation: dora.First,
			want: []string{"#1 s1 from a1 with a1,a2"}, calls: 2,
		},
		{
			name:    "pushed without a pull request: one call each",
			history: func(h *history) { h.branch("root", "d1", "d2", "d3") },
			base:    "root", head: "d3", relation: dora.Ahead,
			want: []string{"d1 from d1", "d2 from d2", "d3 from d3"}, calls: 4, warm: 3,
		},
		{
			name: "a merge commit with another subject",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.merge(1, "m1", "root", "a2")
				h.commits["m1"].message = "Ship it"
			},
			base: "root", head: "m1", relation: dora.Ahead,
			want: []string{"#1 m1 from a1 with a1,a2"}, calls: 2, warm: 1,
		},
		{
			name: "a merge commit with the pull request's title",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.merge(1, "m1", "root", "a2")
				h.commits["m1"].message = "Title (#1)"
			},
			base: "root", head: "m1", relation: dora.Ahead,
			want: []string{"#1 m1 from a1 with a1,a2"}, calls: 2, warm: 1,
		},
		{
			name: "merged by hand: the commits are changes, the merge is none",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.branch("root", "d1")
				h.commit("m1", "Merge branch 'feature'", "d1", "a2")
			},
			base: "root", head: "m1", relation: dora.Ahead,
			want: []string{"d1 from d1", "a1 from a1", "a2 from a2"}, calls: 5, warm: 4,
		},
		{
			name: "pulled: pull requests hang off a merge that is none",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.merge(1, "m1", "root", "a2")
				h.branch("m1", "b1")
				h.squash(2, "s2", "m1", "b1")
				h.branch("root", "d1")
				h.commit("m2", "Merge branch 'main' of github.com:acme/shop", "d1", "s2")
			},
			base: "root", head: "m2", relation: dora.Ahead,
			want: []string{"d1 from d1", "#1 m1 from a1 with a1,a2", "#2 s2 from b1 with b1"}, calls: 6, warm: 5,
		},
		{
			name: "main merged back into the branch",
			history: func(h *history) {
				h.branch("root", "a1")
				h.branch("root", "b1")
				h.squash(2, "s2", "root", "b1")
				h.commit("back", "Merge branch 'main' into a", "a1", "s2")
				h.branch("back", "a2")
				h.merge(1, "m1", "s2", "a2")
			},
			base: "root", head: "m1", relation: dora.Ahead,
			want: []string{"#2 s2 from b1 with b1", "#1 m1 from a1 with a1,a2,back"}, calls: 4, warm: 3,
		},
		{
			name: "and that branch was pushed as main",
			history: func(h *history) {
				h.branch("root", "a1")
				h.branch("root", "b1")
				h.squash(2, "s2", "root", "b1")
				h.commit("back", "Merge branch 'main' into a", "a1", "s2")
				h.pull(1, "s2", "back").into(h.commits["back"])
			},
			base: "root", head: "back", relation: dora.Ahead,
			want: []string{"#2 s2 from b1 with b1", "#1 back from a1 with a1"}, calls: 5, warm: 3,
		},
	}
}

func TestShip(t *testing.T) {
	for _, test := range append(shipCases(), moreShipCases()...) {
		t.Run(test.name, func(t *testing.T) {
			h := newHistory(t)
			test.history(h)
			f := h.github()
			c := dora.Comparison{Head: theCommit, Base: test.base, At: ever}
			c.Head.SHA, c.Head.OnDefaultBranch = test.head, test.byDefault
			got, _, err := newInProcess(t, f, Options{}).Ship(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if got.Relation != test.relation || got.Base != test.base {
				t.Errorf("relation %s to %q, want %s to %q", got.Relation, got.Base, test.relation, test.base)
			}
			var answered []string
			for _, change := range got.Changes {
				answered = append(answered, h.describe(change))
			}
			if diff := cmp.Diff(test.want, answered); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if calls := f.asked(); got.Calls != test.calls || len(calls) != test.calls {
				t.Errorf("%d calls, %d counted, want %d: %q", len(calls), got.Calls, test.calls, calls)
			}
		})
	}
}

func TestShipTellsAllOfAPullRequest(t *testing.T) {
	h := newHistory(t)
	h.branch("root", "a1")
	h.squash(12, "s12", "root", "a1")
	h.pulls[12].labels = []string{"bug", "hotfix"}
	want := dora.Change{
		Origin: dora.Origin{
			FirstCommit: h.commits["a1"].date, PullRequest: 12, Opened: h.pulls[12].opened, Merged: h.pulls[12].mergedAt,
			Author: "bob", Branch: "branch-12", PullLabels: []string{"bug", "hotfix"},
		},
		SHA: "s12", Commits: []string{"s12", "a1"},
	}
	for _, base := range []string{"", "root"} {
		s, err := ship(t, newInProcess(t, h.github(), Options{}), base, "s12", nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]dora.Change{want}, s.Changes); diff != "" {
			t.Errorf("changes after %q (-want +got):\n%s", base, diff)
		}
	}
}

func TestShipOfLongHistories(t *testing.T) {
	h := newHistory(t)
	tip := "root"
	for n := range 260 {
		sha := fmt.Sprintf("a%03d", n)
		h.branch(tip, sha)
		tip = sha
	}
	h.merge(1, "m1", "root", tip)
	h.branch("root", "b1")
	h.squash(2, "s2", "m1", "b1")
	f := h.github()
	g := newInProcess(t, f, Options{})
	known := map[string]dora.Origin{}
	s, err := ship(t, g, "root", "s2", known)
	if err != nil {
		t.Fatal(err)
	}
	if remembered := len(known["m1"].PullCommits); remembered != maxPullCommits {
		t.Errorf("%d commits of a pull request are kept, want %d", remembered, maxPullCommits)
	}
	second, err := ship(t, g, "root", "s2", known)
	if diff := cmp.Diff(s.Changes, second.Changes); diff != "" || second.Calls != 3 || err != nil {
		t.Errorf("again: %d calls, error %v; changes (-want +got):\n%s", second.Calls, err, diff)
	}
	if len(s.Changes) != 2 || len(s.Changes[0].Commits) != 261 || !s.Changes[0].FirstCommit.Equal(h.commits["a000"].date) || s.Calls != 3+1+2 {
		t.Errorf("%d changes, %d commits, %d calls", len(s.Changes), len(s.Changes[0].Commits), s.Calls)
	}
	h.short = 3
	if _, err := ship(t, g, "root", "s2", nil); err == nil || !strings.Contains(err.Error(), "lists 259 of 262 commits") {
		t.Errorf("error %v for a list that is cut", err)
	}
	if _, err := g.Origin(t.Context(), theCommit); err == nil || g.gate.closedReason != "" {
		t.Errorf("error %v; the gate is shut: %q", err, g.gate.closedReason)
	}
}
