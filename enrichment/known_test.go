package enrichment

import (
	"fmt"
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
