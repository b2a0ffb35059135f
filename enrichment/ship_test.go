package enrichment

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestShip(t *testing.T) {
	tests := []struct {
		name      string
		history   func(h *history)
		base      string
		head      string
		byDefault bool
		relation  dora.Relation
		want      []string
		calls     int
	}{
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
			base:    "a2", head: "a1", relation: dora.Behind, calls: 1,
		},
		{
			name: "diverged: the change of its commit alone",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.branch("root", "b1", "b2")
			},
			base: "a2", head: "b2", relation: dora.Diverged,
			want: []string{"b2 from b2"}, calls: 3,
		},
		{
			name:    "the base is gone after a force push",
			history: func(h *history) { h.branch("root", "a1", "a2") },
			base:    "gone", head: "a2", relation: dora.Gone,
			want: []string{"a2 from a2"}, calls: 3,
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
			calls: 3,
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
			calls: 5,
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
			calls: 4,
		},
		{
			name:    "pushed without a pull request: one call each",
			history: func(h *history) { h.branch("root", "d1", "d2", "d3") },
			base:    "root", head: "d3", relation: dora.Ahead,
			want: []string{"d1 from d1", "d2 from d2", "d3 from d3"}, calls: 4,
		},
		{
			name: "a merge commit with another subject",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.merge(1, "m1", "root", "a2")
				h.commits["m1"].message = "Ship it"
			},
			base: "root", head: "m1", relation: dora.Ahead,
			want: []string{"#1 m1 from a1 with a1,a2"}, calls: 2,
		},
		{
			name: "a merge commit with the pull request's title",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.merge(1, "m1", "root", "a2")
				h.commits["m1"].message = "Title (#1)"
			},
			base: "root", head: "m1", relation: dora.Ahead,
			want: []string{"#1 m1 from a1 with a1,a2"}, calls: 2,
		},
		{
			name: "merged by hand: the commits are changes, the merge is none",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.branch("root", "d1")
				h.commit("m1", "Merge branch 'feature'", "d1", "a2")
			},
			base: "root", head: "m1", relation: dora.Ahead,
			want: []string{"d1 from d1", "a1 from a1", "a2 from a2"}, calls: 5,
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
			want: []string{"d1 from d1", "#1 m1 from a1 with a1,a2", "#2 s2 from b1 with b1"}, calls: 6,
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
			want: []string{"#2 s2 from b1 with b1", "#1 m1 from a1 with a1,a2,back"}, calls: 4,
		},
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
			want: []string{"#1 m1 from a1 with a1,a2,b1,m2"}, calls: 2,
		},
		{
			name: "an octopus",
			history: func(h *history) {
				h.branch("root", "a1")
				h.branch("root", "b1")
				h.commit("m1", "Merge branches 'a' and 'b'", "root", "a1", "b1")
			},
			base: "root", head: "m1", relation: dora.Ahead,
			want: []string{"a1 from a1", "b1 from b1"}, calls: 4,
		},
		{
			name: "the pull request's branch was deployed before it was merged",
			history: func(h *history) {
				h.branch("root", "a1", "a2", "a3")
				h.merge(1, "m1", "root", "a3")
			},
			base: "a2", head: "m1", relation: dora.Ahead,
			want: []string{"#1 m1 from a1 with a1,a2,a3"}, calls: 3,
		},
		{
			name: "and all of its branch was",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.merge(1, "m1", "root", "a2")
			},
			base: "a2", head: "m1", relation: dora.Ahead,
			want: []string{"#1 m1 from a1 with a1,a2"}, calls: 3,
		},
		{
			name: "a branch whose pull request is open",
			history: func(h *history) {
				h.branch("root", "a1", "a2", "a3")
				h.pull(1, "root", "a3")
			},
			base: "root", head: "a3", relation: dora.Ahead,
			want: []string{"#1 a3 from a1 with a1,a2"}, calls: 3,
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
			want: []string{"#2 s2 from b1 with b1", "#1 a2 from a1 with a1,back"}, calls: 5,
		},
		{
			name: "an open one does not count on the default branch",
			history: func(h *history) {
				h.branch("root", "a1")
				h.pull(1, "root", "a1")
			},
			byDefault: true, base: "root", head: "a1", relation: dora.Ahead,
			want: []string{"a1 from a1"}, calls: 2,
		},
		{
			name:    "a subject names an issue",
			history: func(h *history) { h.commit("d1", "Fix (#77)", "root") },
			base:    "root", head: "d1", relation: dora.Ahead,
			want: []string{"d1 from d1"}, calls: 3,
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
			want: []string{"#2 r1 from a1 with a1"}, calls: 4,
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
			want: []string{"#1 pick from a1 with a1"}, calls: 4,
		},
		{
			name: "a subject names a pull request that is open",
			history: func(h *history) {
				h.branch("root", "a1")
				h.pull(1, "root", "a1")
				h.commit("d1", "Fix (#1)", "root")
			},
			base: "root", head: "d1", relation: dora.Ahead,
			want: []string{"d1 from d1"}, calls: 3,
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
				"#4 s4 from a1 with a1 reverts #3",
				"#5 s5 from a1 with a1,b1 reverts abcdef0123",
				"d1 from d1 reverts 0123456789abcdef0123456789abcdef01234567",
				"#6 m6 from e1 with e1 reverts #5,feedbee",
			},
			calls: 1 + 2 + 2 + 1 + 1,
		},
		{
			name: "no date",
			history: func(h *history) {
				h.branch("root", "d1", "d2")
				h.commits["d1"].date = time.Time{}
			},
			base: "root", head: "d2", relation: dora.Ahead,
			want: []string{"d1 unavailable: no_commit_date", "d2 from d2"}, calls: 3,
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
			want: []string{"#1 s1 unavailable: not_found", "d1 from d1"}, calls: 4,
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
			calls: 4 + 130,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHistory(t)
			test.history(h)
			f := h.github()
			c := dora.Comparison{Head: theCommit, Base: test.base}
			c.Head.SHA, c.Head.OnDefaultBranch = test.head, test.byDefault
			got, _, err := newInProcess(t, f, Options{}).Ship(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if got.Relation != test.relation || got.Base != test.base {
				t.Errorf("relation %s to %q, want %s to %q", got.Relation, got.Base, test.relation, test.base)
			}
			var told []string
			for _, change := range got.Changes {
				told = append(told, h.told(change))
			}
			if diff := cmp.Diff(test.want, told); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if calls := f.asked(); got.Calls != test.calls || len(calls) != test.calls {
				t.Errorf("%d calls, %d counted, want %d: %q", len(calls), got.Calls, test.calls, calls)
			}
		})
	}
}

// ship asks f for what head ships after base, with what is known so far, to which it adds what is learned.
func ship(t *testing.T, g *GitHub, base, head string, known map[string]dora.Origin, paths ...string) (dora.Shipment, error) {
	t.Helper()
	c := dora.Comparison{Head: theCommit, Base: base, Paths: paths, Known: func(sha string) (dora.Origin, bool) {
		o, has := known[sha]
		return o, has
	}}
	c.Head.SHA = head
	s, learned, err := g.Ship(t.Context(), c)
	for sha, o := range learned {
		if was, has := known[sha]; has && was.Complete && !was.Merged.IsZero() {
			t.Errorf("%s was known and is learned again", sha)
		}
		if known != nil {
			known[sha] = o
		}
	}
	return s, err
}

func (h *history) tell(s dora.Shipment) (told []string) {
	for _, change := range s.Changes {
		told = append(told, h.told(change))
	}
	return told
}

// everyKind has one change of each kind.
func everyKind(t *testing.T) *history {
	h := newHistory(t)
	h.branch("root", "a1", "a2")
	h.merge(1, "m1", "root", "a2")
	h.branch("root", "b1")
	h.squash(2, "s2", "m1", "b1")
	h.branch("root", "c1", "c2")
	p := h.pull(3, "root", "c2")
	h.rebased("r1", "c1", "s2")
	h.rebased("r2", "c2", "r1")
	p.into(h.commits["r2"])
	p.rebased = []string{"r1"}
	h.branch("r2", "d1")
	h.branch("r2", "e1")
	h.commit("m5", "Merge branch 'e'", "d1", "e1")
	return h
}

var everyChange = []string{
	"#1 m1 from a1 with a1,a2", "#2 s2 from b1 with b1", "#3 r2 from c1 with c1,c2,r1", "d1 from d1", "e1 from e1",
}

// A rate limit after any number of calls: the next attempt goes on where the last one stopped.
func TestShipGoesOn(t *testing.T) {
	const calls = 1 + 1 + 2 + 2 + 1 + 1 + 1
	for allowed := range calls {
		t.Run(fmt.Sprint(allowed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := everyKind(t)
				f := h.github()
				served, limited := f.intercept, 0
				f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
					if asked := len(f.asked()); asked == allowed+1 {
						limited++
						text(429, `{}`, "Retry-After", "5")(w, r)
						return true
					}
					return served(w, r)
				}
				g := newInProcess(t, f, Options{})
				known := map[string]dora.Origin{}
				if _, err := ship(t, g, "root", "m5", known); err == nil {
					t.Fatal("no error")
				}
				s, err := ship(t, g, "root", "m5", known)
				if err != nil {
					t.Fatal(err)
				}
				var kinds []string
				for _, told := range everyChange {
					kinds = append(kinds, strings.Split(told, " with")[0])
				}
				var got []string
				for _, told := range h.tell(s) {
					got = append(got, strings.Split(told, " with")[0])
				}
				if diff := cmp.Diff(kinds, got); diff != "" {
					t.Errorf("changes (-want +got):\n%s", diff)
				}
				// The comparison is made again, and the change in which it stopped.
				if all := len(f.asked()); all > calls+3 || limited != 1 {
					t.Errorf("%d calls, want at most %d: %q", all, calls+3, f.asked())
				}
				if s, err = ship(t, g, "root", "m5", known); err != nil || s.Calls != 1 {
					t.Errorf("%d calls when all is known, want that of the comparison; error %v", s.Calls, err)
				}
			})
		})
	}
}

// Both keep what they learn in the same place: it must not matter which one was first.
func TestShipAndOriginAgree(t *testing.T) {
	picked := newHistory(t)
	picked.branch("root", "a1", "a2")
	picked.squash(1, "s1", "root", "a2")
	picked.rebased("m5", "s1", "root")
	for name, h := range map[string]*history{"every kind": everyKind(t), "a cherry-pick": picked} {
		t.Run(name, func(t *testing.T) {
			g := newInProcess(t, h.github(), Options{})
			known := map[string]dora.Origin{}
			if _, err := ship(t, g, "root", "m5", known); err != nil || len(known) == 0 {
				t.Fatalf("learned %v, error %v", known, err)
			}
			byOrigin := map[string]dora.Origin{}
			for sha := range known {
				c := theCommit
				c.SHA = sha
				o, err := g.Origin(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				byOrigin[sha] = o
			}
			if diff := cmp.Diff(byOrigin, known); diff != "" {
				t.Errorf("origins (-Origin +Ship):\n%s", diff)
			}
		})
	}
}

func TestShipCompletesWhatIsKnown(t *testing.T) {
	h := everyKind(t)
	f := h.github()
	g := newInProcess(t, f, Options{})
	want := map[string]dora.Origin{}
	if _, err := ship(t, g, "root", "m5", want); err != nil {
		t.Fatal(err)
	}
	known := map[string]dora.Origin{}
	for sha, o := range want {
		known[sha] = dora.Origin{FirstCommit: o.FirstCommit, PullRequest: o.PullRequest, Unavailable: o.Unavailable}
	}
	s, err := ship(t, g, "root", "m5", known)
	if err != nil {
		t.Fatal(err)
	}
	// One call for each pull request, none for a commit without one.
	if s.Calls != 4 {
		t.Errorf("%d calls, want 4", s.Calls)
	}
	if diff := cmp.Diff(want, known); diff != "" {
		t.Errorf("learned (-want +got):\n%s", diff)
	}
	for head, want := range map[string]int{"m1": 1, "d1": 1, "m5": 1} {
		o := known[head]
		some := map[string]dora.Origin{head: {FirstCommit: o.FirstCommit, PullRequest: o.PullRequest}}
		s, err := ship(t, g, "", head, some)
		if err != nil || s.Calls != want {
			t.Errorf("first deployment, of %s: %d calls, want %d; error %v", head, s.Calls, want, err)
		}
		if diff := cmp.Diff(o, s.Changes[0].Origin); diff != "" {
			t.Errorf("%s (-want +got):\n%s", head, diff)
		}
		if s, err = ship(t, g, "", head, some); err != nil || s.Calls != 0 {
			t.Errorf("%s again: %d calls, error %v", head, s.Calls, err)
		}
	}
}

// An open pull request that was deployed may be merged when its commits are seen again.
func TestShipAsksAgainAfterTheMerge(t *testing.T) {
	h := newHistory(t)
	h.branch("root", "a1", "a2")
	p := h.pull(1, "root", "a2")
	known := map[string]dora.Origin{}
	f := h.github()
	if s, err := ship(t, newInProcess(t, f, Options{}), "root", "a2", known); err != nil || !s.Changes[0].Merged.IsZero() {
		t.Fatalf("shipment %+v, error %v", s, err)
	}
	p.into(h.commits["a2"]) // fast-forward
	f = h.github()
	s, err := ship(t, newInProcess(t, f, Options{}), "root", "a2", known)
	if err != nil || s.Calls != 3 || !s.Changes[0].Merged.Equal(p.mergedAt) || h.tell(s)[0] != "#1 a2 from a1 with a1" {
		t.Errorf("shipment %+v, error %v", s, err)
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
			Author: "bob", Branch: "branch-12", PullLabels: []string{"bug", "hotfix"}, Complete: true,
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
	s, err := ship(t, g, "root", "s2", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Changes) != 2 || len(s.Changes[0].Commits) != 261 || !s.Changes[0].FirstCommit.Equal(h.commits["a000"].date) || s.Calls != 3+1+2 {
		t.Errorf("%d changes, %d commits, %d calls", len(s.Changes), len(s.Changes[0].Commits), s.Calls)
	}
	h.short = 3
	if _, err := ship(t, g, "root", "s2", nil); err == nil || !strings.Contains(err.Error(), "lists 259 of 262 commits") {
		t.Errorf("error %v for a list that is cut", err)
	}
	if _, err := g.Origin(t.Context(), theCommit); err == nil || g.gate.shut != "" {
		t.Errorf("error %v; the gate is shut: %q", err, g.gate.shut)
	}
}

func TestShipOfUnusableNames(t *testing.T) {
	tests := []struct {
		name   string
		commit dora.Commit
		base   string
		want   dora.Shipment
	}{
		{"no commit", dora.Commit{Owner: "acme", Repository: "shop"}, "b", dora.Shipment{
			Relation: dora.First, Changes: []dora.Change{{Origin: dora.Origin{Unavailable: dora.ReasonNoCommit}}},
		}},
		{"no repository", dora.Commit{Owner: "acme", Repository: "..", SHA: "a"}, "b", dora.Shipment{
			Relation: dora.First, Changes: []dora.Change{{Origin: dora.Origin{Unavailable: dora.ReasonInvalidName}, SHA: "a"}},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &fakeGitHub{}
			got, _, err := newInProcess(t, f, Options{}).Ship(t.Context(), dora.Comparison{Head: test.commit, Base: test.base})
			if err != nil || len(f.asked()) != 0 {
				t.Errorf("error %v, calls %q", err, f.asked())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("shipment (-want +got):\n%s", diff)
			}
		})
	}
}

func TestShipEscapesBothCommits(t *testing.T) {
	h := newHistory(t)
	h.branch("root", "a1")
	f := h.github()
	var routes []string
	g := newServed(t, f, Options{OnRequest: func(route, code string) { routes = append(routes, route+" "+code) }})
	if s, err := ship(t, g, "x/../y?z", "a1", nil); err != nil || s.Relation != dora.Gone {
		t.Errorf("shipment %+v, error %v", s, err)
	}
	if got, want := f.asked()[0], repoPath("compare/x%%2F..%%2Fy%%3Fz...a1"); got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
	if want := "/repos/{owner}/{repo}/compare/{basehead} 404"; routes[0] != want {
		t.Errorf("route %s, want %s", routes[0], want)
	}
}

// The deployed commit itself is asked for again when GitHub does not have it; another error is temporary.
func TestShipNotThere(t *testing.T) {
	h := everyKind(t)
	for _, base := range []string{"", "root"} {
		_, err := ship(t, newInProcess(t, h.github(), Options{}), base, "nowhere", nil)
		var missing *dora.NotFoundError
		if !errors.As(err, &missing) || missing.Reason != dora.ReasonNotFound {
			t.Errorf("error %v after %q, want a NotFoundError", err, base)
		}
	}
	f := h.github()
	f.lists[repoPath("commits/d1/pulls")] = nil
	delete(f.lists, repoPath("commits/d1/pulls"))
	delete(f.objects, repoPath("pulls/1"))
	delete(f.lists, repoPath("commits/m1/pulls"))
	known := map[string]dora.Origin{}
	s, err := ship(t, newInProcess(t, f, Options{}), "root", "m5", known)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"m1 with a1,a2 unavailable: not_found", "#2 s2 from b1 with b1", "#3 r2 from c1 with c1,c2,r1",
		"d1 unavailable: not_found", "e1 from e1",
	}
	if diff := cmp.Diff(want, h.tell(s)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if _, has := known["d1"]; has {
		t.Error("what is not there is learned")
	}
}

// None of these makes a shipment, a panic or an endless loop.
func TestShipOfOddComparisons(t *testing.T) {
	tests := map[string]string{
		"no status":          `{"total_commits":1,"commits":[{"sha":"m5","commit":{}}]}`,
		"another status":     `{"status":"sideways"}`,
		"no commits":         `{"status":"ahead","total_commits":0,"commits":[]}`,
		"a list":             `[]`,
		"null":               `null`,
		"a commit is null":   `{"status":"ahead","total_commits":1,"commits":[null]}`,
		"no content":         `{"status":"ahead","total_commits":1,"commits":[{"sha":"a"}]}`,
		"fewer than told":    `{"status":"ahead","total_commits":2,"commits":[{"sha":"a","commit":{}}]}`,
		"more than anyone's": `{"status":"ahead","total_commits":1000000000,"commits":[{"sha":"a","commit":{}}]}`,
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			n := 0
			g := newInProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n++
				text(200, answer)(w, r)
			}), Options{})
			_, err := ship(t, g, "root", "m5", nil)
			var missing *dora.NotFoundError
			if err == nil || errors.As(err, &missing) || n > 2 {
				t.Errorf("error %v after %d calls", err, n)
			}
		})
	}
}

func TestShipOfACircle(t *testing.T) {
	h := newHistory(t)
	h.branch("root", "a1", "a2", "a3")
	f := h.github()
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/compare/") {
			return false
		}
		text(200, `{"status":"ahead","total_commits":3,"commits":[
			{"sha":"a1","commit":{},"parents":[{"sha":"a3"},{"sha":"a1"}]},
			{"sha":"a2","commit":{},"parents":[{"sha":"a1"},{"sha":"a2"},{"sha":"a3"}]},
			{"sha":"a3","commit":{},"parents":[{"sha":"a2"},{"sha":""}]}]}`)(w, r)
		return true
	}
	if s, err := ship(t, newInProcess(t, f, Options{}), "root", "a3", nil); err != nil || s.Calls != 4 {
		t.Errorf("shipment %+v, error %v", s, err)
	}
}

func TestShipOfPaths(t *testing.T) {
	tests := []struct {
		name  string
		paths []string
		base  string
		head  string
		want  []string
		calls int
	}{
		{"all files match", []string{"src/**"}, "root", "m5", everyChange, 9},
		{"no file matches", []string{"web/", "*"}, "root", "m5", nil, 1},
		{"some do", []string{"src/b*", "src/d1", "src/c2"}, "root", "m5", []string{everyChange[1], everyChange[2], everyChange[3]}, 9 + 5},
		{"a first deployment's do", []string{"src/*"}, "", "m1", []string{everyChange[0]}, 3},
		{"a first deployment's do not", []string{"*.go"}, "", "m1", nil, 3},
		{"a commit's do", []string{"*/?1"}, "", "d1", []string{everyChange[3]}, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := everyKind(t)
			g := newInProcess(t, h.github(), Options{})
			s, err := ship(t, g, test.base, test.head, nil, test.paths...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, h.tell(s)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if s.Calls != test.calls {
				t.Errorf("%d calls, want %d", s.Calls, test.calls)
			}
		})
	}
}

// A comparison that has 300 files may have more: each change is asked for.
func TestShipOfPathsWithManyFiles(t *testing.T) {
	h := everyKind(t)
	for n := range 320 {
		name := fmt.Sprintf("docs/%03d", n)
		h.commits["a1"].files = append(h.commits["a1"].files, name)
		h.pulls[1].files = append(h.pulls[1].files, name)
	}
	h.pulls[1].files = append(h.pulls[1].files, "web/last")
	g := newInProcess(t, h.github(), Options{})
	known := map[string]dora.Origin{}
	s, err := ship(t, g, "root", "m5", known, "web/")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{everyChange[0]}, h.tell(s)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if want := 9 + 4 + 4; s.Calls != want {
		t.Errorf("%d calls, want %d", s.Calls, want)
	}
	if s, err = ship(t, g, "root", "m5", known, "web/"); err != nil || s.Calls != 1 {
		t.Errorf("%d calls when all is known, want that of the comparison; error %v", s.Calls, err)
	}
}

func TestPatterns(t *testing.T) {
	tests := []struct {
		pattern  string
		match    []string
		mismatch []string
	}{
		{"services/api/**", []string{"services/api/a", "services/api/a/b.go"}, []string{"services/apix", "x/services/api/a", "services/api"}},
		{"services/api/", []string{"services/api/a", "services/api/a/b.go"}, []string{"services/apix/a"}},
		{"/services/*/go.mod", []string{"services/api/go.mod"}, []string{"services/a/b/go.mod"}},
		{"*.md", []string{"README.md", ".md"}, []string{"docs/a.md", "README_md", "README.md.txt"}},
		{"**/*.md", []string{"README.md", "docs/a/b.md"}, []string{"docs/md"}},
		{"**", []string{"a", "a/b", "a\nb"}, nil},
		{"a?c", []string{"abc", "aéc"}, []string{"a/c", "ac"}},
		{"./a[b](c)+", []string{"a[b](c)+"}, []string{"ab(c)"}},
		{"web/**/x", []string{"web/x", "web/a/b/x"}, []string{"webx", "web/ax"}},
		{"", nil, []string{"a"}},
		{"\xff", nil, []string{"a"}},
	}
	for _, test := range tests {
		p := newPatterns([]string{test.pattern})
		for _, name := range test.match {
			if !p.match(name) {
				t.Errorf("%q does not match %q", test.pattern, name)
			}
		}
		for _, name := range test.mismatch {
			if p.match(name) {
				t.Errorf("%q matches %q", test.pattern, name)
			}
		}
	}
}
