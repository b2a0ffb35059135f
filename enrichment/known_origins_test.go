package enrichment

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

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
				for _, answered := range everyChange {
					kinds = append(kinds, strings.Split(answered, " with")[0])
				}
				var got []string
				for _, answered := range h.describeAll(s) {
					got = append(got, strings.Split(answered, " with")[0])
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
			for sha, o := range known {
				if o.PullCommitsOf != "" {
					o.PullCommits, o.PullCommitsOf = known[o.PullCommitsOf].PullCommits, ""
					known[sha] = o
				}
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

// What a deployment ships does not depend on what is remembered, nor on which of the two remembered it.
func TestShipFromMemory(t *testing.T) {
	for _, test := range append(shipCases(), moreShipCases()...) {
		t.Run(test.name, func(t *testing.T) {
			h := newHistory(t)
			test.history(h)
			head := theCommit
			head.SHA, head.OnDefaultBranch = test.head, test.byDefault
			look := func(known map[string]dora.Origin) dora.Shipment {
				c := dora.Comparison{Head: head, Base: test.base, At: ever, Known: func(sha string) (dora.Origin, bool) {
					o, known := known[sha]
					return o, known
				}}
				s, learned, err := newInProcess(t, h.github(), Options{}).Ship(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				maps.Copy(known, stored(t, learned))
				return s
			}
			origins := func(shas ...string) map[string]dora.Origin {
				all := map[string]dora.Origin{}
				g := newInProcess(t, h.github(), Options{})
				for _, sha := range shas {
					c := head
					c.SHA = sha
					o, err := g.Origin(t.Context(), c)
					var missing *dora.NotFoundError
					if err != nil && !errors.As(err, &missing) {
						t.Fatal(err)
					}
					if err == nil {
						all[sha] = o
					}
				}
				return stored(t, all)
			}
			learned := map[string]dora.Origin{}
			want := look(learned)
			warm := look(origins(test.head))
			if warm.Calls != test.warm {
				t.Errorf("%d calls when the head is known, want %d", warm.Calls, test.warm)
			}
			for remembered, got := range map[string]dora.Shipment{
				"the head": warm, "all commits": look(origins(h.order...)), "what was learned": look(learned),
			} {
				if got.Calls > want.Calls {
					t.Errorf("%d calls with %s, %d without", got.Calls, remembered, want.Calls)
				}
				got.Calls = want.Calls
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("with %s (-nothing +remembered):\n%s", remembered, diff)
				}
			}
		})
	}
}

// stored is what comes back from the store.
func stored(t *testing.T, all map[string]dora.Origin) (back map[string]dora.Origin) {
	t.Helper()
	text, err := json.Marshal(all)
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// rebasedFive is a pull request of five commits that was rebased: a1 to a5 became r1 to r5.
func rebasedFive(t *testing.T) *history {
	h := newHistory(t)
	h.branch("root", "a1", "a2", "a3", "a4", "a5")
	p := h.pull(1, "root", "a5")
	parent := "root"
	for _, n := range []string{"1", "2", "3", "4", "5"} {
		h.rebased("r"+n, "a"+n, parent)
		parent = "r" + n
	}
	p.into(h.commits["r5"])
	p.rebased = []string{"r1", "r2", "r3", "r4"}
	return h
}

func TestShipKeepsCommitsOnce(t *testing.T) {
	h := rebasedFive(t)
	g := newInProcess(t, h.github(), Options{})
	head := theCommit
	head.SHA = "r5"
	o, err := g.Origin(t.Context(), head)
	if err != nil {
		t.Fatal(err)
	}
	byOrigin, byShip := map[string]dora.Origin{"r5": o}, map[string]dora.Origin{}
	for _, test := range []struct {
		known map[string]dora.Origin
		calls int
	}{{byOrigin, 1}, {byShip, 3}} {
		s, err := ship(t, g, "root", "r5", test.known)
		if err != nil || s.Calls != test.calls {
			t.Errorf("%d calls, want %d; error %v", s.Calls, test.calls, err)
		}
	}
	if diff := cmp.Diff(byOrigin, byShip); diff != "" {
		t.Errorf("remembered (-Origin +Ship):\n%s", diff)
	}
	for sha, o := range byShip {
		if own := len(o.PullCommits); sha == "r5" && own != 5 || sha != "r5" && (own != 0 || o.PullCommitsOf != "r5") {
			t.Errorf("%s is kept with %d commits, and those of %q", sha, own, o.PullCommitsOf)
		}
	}
	s, err := ship(t, g, "r1", "r3", byShip)
	if diff := cmp.Diff([]string{"#1 r3 from a2 with a1,a2,a3,a4,a5,r2"}, h.describeAll(s)); diff != "" || s.Calls != 1 || err != nil {
		t.Errorf("%d calls, error %v; changes (-want +got):\n%s", s.Calls, err, diff)
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
	if err != nil || s.Calls != 3 || !s.Changes[0].Merged.Equal(p.mergedAt) || h.describeAll(s)[0] != "#1 a2 from a1 with a1" {
		t.Errorf("shipment %+v, error %v", s, err)
	}
}
