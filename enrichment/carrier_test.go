package enrichment

import (
	"fmt"
	"strconv"
	"time"
)

// mergeTo merges a pull request of head into a branch that is not main.
func (h *history) mergeTo(base string, number int, sha, onto, head string) {
	h.merge(number, sha, onto, head)
	h.pulls[number].base = base
}

// release opens a pull request from develop to main that is merged as sha.
func (h *history) release(number int, sha, main, develop string, squash bool) {
	if squash {
		h.squash(number, sha, main, develop)
	} else {
		h.merge(number, sha, main, develop)
	}
	h.pulls[number].branch = "develop"
}

func carrierCases() []scopeCase {
	// develop has #1, squashed, and #2, merged.
	twoOnDevelop := func(h *history) {
		h.branch("root", "a1")
		h.squash(1, "s1", "root", "a1")
		h.branch("s1", "b1", "b2")
		h.merge(2, "m2", "s1", "b2")
	}
	both := []string{"#1 s1 from a1 with a1", "#2 m2 from b1 with b1,b2"}
	third := func(h *history) {
		h.branch("m2", "c1")
		h.squash(3, "s3", "m2", "c1")
	}
	var cases []scopeCase
	for _, squash := range []bool{false, true} {
		how := map[bool]string{false: "merged", true: "squashed"}[squash]
		cases = append(cases, scopeCase{
			name: "releases, " + how,
			history: func(h *history) {
				twoOnDevelop(h)
				h.release(50, "r50", "root", "m2", squash)
				third(h)
				h.release(51, "r51", "r50", "s3", squash)
			},
			deploys: []target{{sha: "root"}, {sha: "r50"}, {sha: "r51"}},
			want:    [][]string{{"root from root"}, append(both[:2:2], "(#50)"), {"#3 s3 from c1 with c1", "(#51)"}},
		}, scopeCase{
			name: "a release with commits of its own, " + how,
			history: func(h *history) {
				twoOnDevelop(h)
				h.branch("m2", "d1", "d2")
				h.release(50, "r50", "root", "d2", squash)
			},
			deploys: []target{{sha: "root"}, {sha: "r50"}},
			want:    [][]string{{"root from root"}, append(both[:2:2], "#50 r50 from d1 with d1,d2")},
		}, scopeCase{
			name: "a release without anything new, " + how,
			history: func(h *history) {
				twoOnDevelop(h)
				h.release(50, "r50", "root", "m2", squash)
				h.release(51, "r51", "r50", "m2", squash)
				if !squash {
					h.pulls[51].commits = h.pulls[50].commits
				}
			},
			deploys: []target{{sha: "root"}, {sha: "r50"}, {sha: "r51"}},
			want:    [][]string{{"root from root"}, append(both[:2:2], "(#50)"), {"(#51)"}},
		}, scopeCase{
			name: "a release of an epic branch, " + how,
			history: func(h *history) {
				twoOnDevelop(h)
				h.branch("root", "e1")
				h.branch("e1", "f1")
				h.mergeTo("epic", 8, "m8", "e1", "f1")
				h.mergeTo("develop", 9, "m9", "m2", "m8")
				h.release(50, "r50", "root", "m9", squash)
			},
			deploys: []target{{sha: "root"}, {sha: "r50"}},
			want:    [][]string{{"root from root"}, append(both[:2:2], "#8 m8 from f1 with f1", "#9 m9 from e1 with e1", "(#50)")},
		}, scopeCase{
			name: "the first deployment is a release, " + how,
			history: func(h *history) {
				twoOnDevelop(h)
				h.release(50, "r50", "root", "m2", squash)
			},
			deploys: []target{{sha: "r50"}},
			want:    [][]string{append(both[:2:2], "(#50)")},
		}, scopeCase{
			name: "main goes back to develop, then develop to main, " + how,
			history: func(h *history) {
				twoOnDevelop(h)
				h.release(50, "r50", "root", "m2", squash)
				h.branch("r50", "x1", "x2")
				h.mergeTo("develop", 70, "back", "m2", "x2")
				h.pulls[70].branch = "main"
				h.branch("back", "c1")
				h.squash(3, "s3", "back", "c1")
				h.release(51, "r51", "x2", "s3", squash)
			},
			deploys: []target{{sha: "root"}, {sha: "r50"}, {sha: "x2"}, {sha: "r51"}},
			want: [][]string{
				{"root from root"}, append(both[:2:2], "(#50)"), {"x1 from x1", "x2 from x2"}, {"#3 s3 from c1 with c1", "(#70)", "(#51)"},
			},
		})
	}
	large := scopeCase{name: "squashed releases of more pull requests than GitHub lists", deploys: []target{{sha: "root"}, {sha: "r500"}, {sha: "r501"}}}
	features := func(from, to int) (last string, want []string, add func(h *history)) {
		for n := from; n <= to; n++ {
			want = append(want, fmt.Sprintf("#%d s%[1]d from w%[1]d with w%[1]d", n))
		}
		return fmt.Sprintf("s%d", to), want, func(h *history) {
			onto := "root"
			for n := from; n <= to; n++ {
				if n > 1 {
					onto = fmt.Sprintf("s%d", n-1)
				}
				work := fmt.Sprintf("w%d", n)
				h.branch(onto, work)
				h.squash(n, fmt.Sprintf("s%d", n), onto, work)
			}
		}
	}
	first, firstWant, addFirst := features(1, maxPullCommits+2)
	second, secondWant, addSecond := features(maxPullCommits+3, maxPullCommits+4)
	large.history = func(h *history) {
		addFirst(h)
		h.release(500, "r500", "root", first, true)
		addSecond(h)
		h.release(501, "r501", "r500", second, true)
	}
	large.want = [][]string{{"root from root"}, append(firstWant, "(#500)"), append(secondWant, "(#501)")}
	return append(cases, large, scopeCase{
		name: "what goes back has a date that nobody believes",
		history: func(h *history) {
			h.branch("root", "x1")
			h.commits["x1"].date = time.Unix(0, 0)
			h.branch("root", "a1")
			h.squash(1, "s1", "root", "a1")
			h.mergeTo("develop", 70, "back", "s1", "x1")
			h.pulls[70].branch = "main"
			h.release(50, "r50", "x1", "back", false)
		},
		deploys: []target{{sha: "root"}, {sha: "r50"}},
		want:    [][]string{{"root from root"}, {"x1 unavailable: implausible_date", "#1 s1 from a1 with a1", "(#70)", "(#50)"}},
	}, scopeCase{
		name: "a release that is rebased",
		history: func(h *history) {
			h.branch("root", "a1")
			h.squash(1, "s1", "root", "a1")
			h.branch("s1", "b1")
			h.squash(2, "s2", "s1", "b1")
			p := h.pull(50, "root", "s2")
			h.branch("root", "x1")
			h.rebased("t1", "s1", "x1")
			h.rebased("t2", "s2", "t1")
			p.into(h.commits["t2"])
			p.rebased = []string{"t1"}
		},
		deploys: []target{{sha: "x1"}, {sha: "t2"}},
		want:    [][]string{{"x1 from x1"}, {"#1 s1 from a1 with a1", "#2 s2 from b1 with b1", "(#50)"}},
	}, scopeCase{
		name: "a revert in a release",
		history: func(h *history) {
			twoOnDevelop(h)
			h.release(50, "r50", "root", "m2", false)
			h.branch("m2", "c1")
			h.squash(3, "s3", "m2", "c1")
			h.pulls[3].body = "Reverts #1"
			h.release(51, "r51", "r50", "s3", false)
		},
		deploys: []target{{sha: "root"}, {sha: "r50"}, {sha: "r51"}},
		want:    [][]string{{"root from root"}, append(both[:2:2], "(#50)"), {"#3 s3 from c1 with c1 reverts #1", "(#51)"}},
	}, scopeCase{
		name: "a number in a subject makes no carrier",
		history: func(h *history) {
			h.branch("root", "a1")
			h.squash(1, "s1", "root", "a1")
			h.commit("b1", "Undo (#1)", "s1")
			h.branch("b1", "b2")
			h.merge(2, "m2", "s1", "b2")
		},
		deploys: []target{{sha: "s1"}, {sha: "m2"}},
		want:    [][]string{{"#1 s1 from a1 with a1"}, {"#2 m2 from b1 with b1,b2"}},
	}, scopeCase{
		name: "a branch is used again whose commit names a pull request that did not bring it",
		history: func(h *history) {
			h.branch("root", "a1")
			h.squash(1, "s1", "root", "a1")
			h.commit("b1", "Undo (#1)", "s1")
			h.squash(2, "s2", "s1", "b1")
			h.squash(3, "s3", "s2", "b1")
		},
		deploys: []target{{sha: "s1"}, {sha: "s2"}, {sha: "s3"}},
		want:    [][]string{{"#1 s1 from a1 with a1"}, {"#2 s2 from b1 with b1"}, {"#3 s3 from s3 with b1"}},
	}, scopeCase{
		name: "a branch is used again whose commit names the pull request that squashed it",
		history: func(h *history) {
			h.commit("b1", "Pay (#2)", "root")
			h.squash(2, "s2", "root", "b1")
			h.squash(3, "s3", "s2", "b1")
		},
		deploys: []target{{sha: "root"}, {sha: "s2"}, {sha: "s3"}},
		want:    [][]string{{"root from root"}, {"#2 s2 from b1 with b1"}, {"#3 s3 from s3 with b1"}},
	}, scopeCase{
		name: "what is on main while an open pull request takes main elsewhere",
		history: func(h *history) {
			h.branch("root", "x1", "x2", "x3")
			for _, n := range []string{"3", "4"} { // one takes the default branch, one a branch from which root was deployed
				number, _ := strconv.Atoi(n)
				p := h.pull(number, "root", "x3")
				p.branch, p.base = map[string]string{"3": "main", "4": "live"}[n], "develop"
			}
		},
		deploys: []target{{"root", "live"}, {"x2", "live"}, {"x3", "v1"}},
		want:    [][]string{{"root from root"}, {"x1 from x1", "x2 from x2"}, {"x3 from x3"}},
	})
}
