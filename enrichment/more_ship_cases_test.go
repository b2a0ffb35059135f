package enrichment

import (
	"fmt"
	"time"

	"dora-exporter/dora"
)

// moreShipCases has the second half of the table.
func moreShipCases() []shipCase {
	return []shipCase{
		{
			name: "a pull request merged into the branch of another",
			history: func(h *history) {
				h.branch("root", "a1")
				h.branch("a1", "b1")
				h.merge(2, "m2", "a1", "b1")
				h.branch("m2", "a2")
				h.merge(1, "m1", "root", "a2")
			},
			base: "root", head: "m1", relation: dora.Ahead,
			want:  []string{"#2 m2 from b1 with b1", "#1 m1 from a1 with a1,a2"},
			calls: 1 + 2 + 2, warm: 1 + 1 + 2, // the commits of #1 beside #2 are asked for
		},
		{
			name: "an octopus",
			history: func(h *history) {
				h.branch("root", "a1")
				h.branch("root", "b1")
				h.commit("m1", "Merge branches 'a' and 'b'", "root", "a1", "b1")
			},
			base: "root", head: "m1", relation: dora.Ahead,
			want: []string{"a1 from a1", "b1 from b1"}, calls: 4, warm: 3,
		},
		{
			name: "the pull request's branch was deployed before it was merged",
			history: func(h *history) {
				h.branch("root", "a1", "a2", "a3")
				h.merge(1, "m1", "root", "a3")
			},
			base: "a2", head: "m1", relation: dora.Ahead,
			want: []string{"#1 m1 from a3 with a1,a2,a3"}, calls: 3, warm: 1,
		},
		{
			name: "and all of its branch was",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.merge(1, "m1", "root", "a2")
			},
			base: "a2", head: "m1", relation: dora.Ahead,
			want: []string{"#1 m1 from m1 with a1,a2"}, calls: 3, warm: 1,
		},
		{
			name: "a branch whose pull request is open",
			history: func(h *history) {
				h.branch("root", "a1", "a2", "a3")
				h.pull(1, "root", "a3")
			},
			base: "root", head: "a3", relation: dora.Ahead,
			want: []string{"#1 a3 from a1 with a1,a2"}, calls: 3, warm: 3,
		},
		{
			name: "an open one into which main was merged",
			history: func(h *history) {
				h.branch("root", "a1")
				h.branch("root", "b1")
				h.squash(2, "s2", "root", "b1")
				h.commit("back", "Merge branch 'main' into a", "a1", "s2")
				h.branch("back", "a2")
				h.pull(1, "s2", "a2")
			},
			base: "root", head: "a2", relation: dora.Ahead,
			want: []string{"#2 s2 from b1 with b1", "#1 a2 from a1 with a1,back"}, calls: 5, warm: 5,
		},
		{
			name: "an open one does not count on the default branch",
			history: func(h *history) {
				h.branch("root", "a1")
				h.pull(1, "root", "a1")
			},
			byDefault: true, base: "root", head: "a1", relation: dora.Ahead,
			want: []string{"a1 from a1"}, calls: 2, warm: 1,
		},
		{
			name:    "a subject names an issue",
			history: func(h *history) { h.commit("d1", "Fix (#77)", "root") },
			base:    "root", head: "d1", relation: dora.Ahead,
			want: []string{"d1 from d1"}, calls: 3, warm: 1,
		},
		{
			name: "a subject names a pull request that another brought",
			history: func(h *history) {
				h.branch("root", "a1", "b1")
				h.squash(1, "s1", "root", "a1")
				p := h.pull(2, "root", "a1")
				h.rebased("r1", "a1", "s1")
				h.commits["r1"].message = "Title (#1)"
				p.into(h.commits["r1"])
			},
			base: "s1", head: "r1", relation: dora.Ahead,
			want: []string{"#2 r1 from a1 with a1"}, calls: 4, warm: 1,
		},
		{
			name: "a cherry-pick of a pull request: as its duration has it",
			history: func(h *history) {
				h.branch("root", "a1")
				h.squash(1, "s1", "root", "a1")
				h.commit("release", "Release", "root")
				h.rebased("pick", "s1", "release")
			},
			base: "release", head: "pick", relation: dora.Ahead,
			want: []string{"#1 pick from a1 with a1"}, calls: 4, warm: 1,
		},
		{
			name: "a subject names a pull request that is open",
			history: func(h *history) {
				h.branch("root", "a1")
				h.pull(1, "root", "a1")
				h.commit("d1", "Fix (#1)", "root")
			},
			base: "root", head: "d1", relation: dora.Ahead,
			want: []string{"d1 from d1"}, calls: 3, warm: 1,
		},
		{
			name: "reverts",
			history: func(h *history) {
				h.branch("root", "a1", "b1", "c1")
				h.squash(4, "s4", "root", "a1")
				h.pulls[4].body = "Reverts ACME/shop#3\nReverts other/shop#9\n* Reverts #8\nIt reverts #7\n"
				h.squash(5, "s5", "s4", "b1")
				h.commits["s5"].message += "\n\nThis reverts commit ABCDEF0123.\nThis reverts commit abc.\nThis reverts\ncommit 1"
				h.commit("d1", "Revert \"x\"\n\nThis reverts commit 0123456789abcdef0123456789abcdef01234567.", "s5")
				h.branch("d1", "e1")
				h.commits["e1"].message = "This reverts commit\nfeedbee, reversing\nchanges made to deadbee."
				h.merge(6, "m6", "d1", "e1")
				h.pulls[6].body = "reverts #5"
			},
			base: "root", head: "m6", relation: dora.Ahead,
			want: []string{
				"#4 s4 from a1 with a1 reverts #3,#8,#7",
				"#5 s5 from b1 with a1,b1 reverts abcdef0123",
				"d1 from d1 reverts 0123456789abcdef0123456789abcdef01234567",
				"#6 m6 from e1 with e1 reverts #5,feedbee",
			},
			calls: 1 + 2 + 2 + 1 + 1, warm: 6,
		},
		{
			name: "no date",
			history: func(h *history) {
				h.branch("root", "d1", "d2")
				h.commits["d1"].date = time.Time{}
			},
			base: "root", head: "d2", relation: dora.Ahead,
			want: []string{"d1 unavailable: no_commit_date", "d2 from d2"}, calls: 3, warm: 2,
		},
		{
			name: "a pull request whose commits are gone",
			history: func(h *history) {
				h.branch("root", "a1")
				h.squash(1, "s1", "root", "a1")
				h.pulls[1].withoutCommitList = true
				h.branch("s1", "d1")
			},
			base: "root", head: "d1", relation: dora.Ahead,
			want: []string{"#1 s1 unavailable: not_found", "d1 from d1"}, calls: 4, warm: 3,
		},
		{
			name: "more than a page",
			history: func(h *history) {
				tip := "root"
				for n := range 130 {
					a := fmt.Sprintf("a%03d", n)
					h.branch("root", a+"x", a)
					h.merge(n+1, "m"+a, tip, a)
					tip = "m" + a
				}
			},
			base: "root", head: "ma129", relation: dora.Ahead,
			want: func() (all []string) {
				for n := range 130 {
					all = append(all, fmt.Sprintf("#%d ma%03d from a%03dx with a%03d,a%03dx", n+1, n, n, n, n))
				}
				return all
			}(),
			calls: 4 + 130, warm: 133,
		},
	}
}
