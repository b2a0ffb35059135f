package enrichment

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// failWhere makes a fake answer with 500 to the URLs that have one of the parts.
func (f *fakeGitHub) failWhere(parts ...string) *fakeGitHub {
	inner := f.intercept
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		for _, part := range parts {
			if part != "" && strings.Contains(r.URL.RequestURI()+"$", part) {
				text(500, `{"message":"Server Error"}`)(w, r)
				return true
			}
		}
		return inner != nil && inner(w, r)
	}
	return f
}

// shipUntilGivenUp asks what head ships after base as the pipeline does, gives up each call that fails the second time, and returns the
// number of attempts.
func shipUntilGivenUp(t *testing.T, g *GitHub, base, head string, known map[string]dora.Origin) (s dora.Shipment, attempts int) {
	t.Helper()
	failed := map[string]int{} // in which attempt
	c := dora.Comparison{Head: theCommit, Base: base, At: ever, Known: func(sha string) (dora.Origin, bool) {
		o, has := known[sha]
		return o, has
	}}
	c.GiveUp = func(u *dora.UnansweredError) bool {
		if failed[u.Call] == 0 {
			failed[u.Call] = attempts
		}
		return failed[u.Call] < attempts
	}
	c.Head.SHA = head
	for attempts = 1; ; attempts++ {
		s, learned, err := g.Ship(t.Context(), c)
		for sha, o := range learned {
			known[sha] = o
		}
		if err == nil {
			return s, attempts
		}
		if u := new(dora.UnansweredError); !errors.As(err, &u) || failed[u.Call] != attempts {
			t.Fatalf("attempt %d: %v, want an UnansweredError of a call that failed for the first time", attempts, err)
		}
	}
}

// tidy has the pull requests 1 and 2, both squashed, a commit between them and one at the end.
func tidy(t *testing.T) *history {
	h := newHistory(t)
	h.branch("root", "a1", "a2")
	h.squash(1, "s1", "root", "a2")
	h.branch("s1", "d1")
	h.branch("d1", "b1")
	h.squash(2, "s2", "d1", "b1")
	h.branch("s2", "end")
	return h
}

// Whatever GitHub fails to answer, the rest of what a deployment ships is found once the answer is given up, and nothing of it before.
func TestShipGivesUp(t *testing.T) {
	all := []string{"#1 s1 from a1 with a1,a2", "d1 from d1", "#2 s2 from b1 with b1", "end from end"}
	for _, test := range []struct {
		name     string
		failing  []string
		relation dora.Relation
		want     []string
		missing  []string
	}{
		{"the comparison", []string{"/compare/"}, dora.NoAnswer, all[3:], []string{"compare/root...end"}},
		{"commits of a pull request", []string{"/pulls/1/commits"}, dora.Ahead, []string{"#1 s1 unavailable: no_answer", all[1], all[2], all[3]}, []string{"pulls/1/commits"}},
		{"a pull request that the commit's list has, too", []string{"/pulls/1$"}, dora.Ahead, all, nil},
		{"pull requests of a commit", []string{"/commits/d1/pulls"}, dora.Ahead, []string{all[0], "d1 unavailable: no_answer", all[2], all[3]}, []string{"commits/d1/pulls"}},
		{
			"a pull request and the commit's list",
			[]string{"/pulls/1$", "/commits/s1/pulls"},
			dora.Ahead,
			[]string{"s1 unavailable: no_answer", all[1], all[2], all[3]},
			[]string{"pulls/1", "commits/s1/pulls"},
		},
		{
			"two pull requests",
			[]string{"/pulls/1/commits", "/pulls/2/commits"},
			dora.Ahead,
			[]string{"#1 s1 unavailable: no_answer", all[1], "#2 s2 unavailable: no_answer", all[3]},
			[]string{"pulls/2/commits", "pulls/1/commits"},
		},
		{
			"the comparison and the deployed commit",
			[]string{"/compare/", "/commits/end"},
			dora.NoAnswer,
			[]string{"end unavailable: no_answer"},
			[]string{"compare/root...end", "commits/end/pulls"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := tidy(t)
			g := newInProcess(t, h.github().failWhere(test.failing...), Options{})
			known := map[string]dora.Origin{}
			_, err := ship(t, g, "root", "end", known)
			if u := new(dora.UnansweredError); !errors.As(err, &u) {
				t.Errorf("first attempt: %v, want an UnansweredError", err)
			}
			got, _ := shipUntilGivenUp(t, g, "root", "end", known)
			if got.Relation != test.relation {
				t.Errorf("relation %s, want %s", got.Relation, test.relation)
			}
			if diff := cmp.Diff(test.want, h.describeAll(got)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if len(got.Missing) != len(test.missing) {
				t.Fatalf("missing are %q, want %q", got.Missing, test.missing)
			}
			for i, part := range test.missing {
				if !strings.Contains(got.Missing[i], part) || !strings.Contains(got.Missing[i], "500") {
					t.Errorf("missing are %q, want %q", got.Missing, test.missing)
				}
			}
			// Nothing of it is remembered: as soon as GitHub answers, all is there.
			again, err := ship(t, newInProcess(t, h.github(), Options{}), "root", "end", known)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(all, h.describeAll(again)); diff != "" {
				t.Errorf("changes when GitHub answers (-want +got):\n%s", diff)
			}
		})
	}
}

// A call that fails for the first time when the time is over is not given up at once: only another one has failed for so long.
func TestShipGivesUpWhatFailsTwice(t *testing.T) {
	h := tidy(t)
	failures := map[string]int{"/pulls/1/commits": 9, "/pulls/2/commits": 1}
	f := h.github()
	inner := f.intercept
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		for part := range failures {
			if strings.HasSuffix(r.URL.Path, part) && failures[part] > 0 {
				failures[part]--
				text(502, "<html>")(w, r)
				return true
			}
		}
		return inner(w, r)
	}
	got, attempts := shipUntilGivenUp(t, newInProcess(t, f, Options{}), "root", "end", map[string]dora.Origin{})
	want := []string{"#1 s1 unavailable: no_answer", "d1 from d1", "#2 s2 from b1 with b1", "end from end"}
	if diff := cmp.Diff(want, h.describeAll(got)); diff != "" || attempts != 2 {
		t.Errorf("%d attempts, changes (-want +got):\n%s", attempts, diff)
	}
}

// numbered commits so many times on top of parent, and returns the last commit.
func (h *history) numbered(parent, prefix string, commits int) string {
	for i := range commits {
		sha := prefix + strconv.Itoa(i)
		h.branch(parent, sha)
		parent = sha
	}
	return parent
}

// When a later page fails, the earlier ones count.
func TestShipGivesUpALaterPage(t *testing.T) {
	t.Run("of a comparison", func(t *testing.T) {
		h := newHistory(t)
		var shas, want []string
		for i := range 130 {
			sha := "c" + strconv.Itoa(i)
			shas = append(shas, sha)
			if i < 100 {
				want = append(want, sha+" from "+sha)
			}
		}
		h.branch("root", shas...)
		want = append(want, "c129 from c129") // the deployed commit can be asked for
		g := newInProcess(t, h.github().failWhere("page=2"), Options{})
		got, _ := shipUntilGivenUp(t, g, "root", "c129", map[string]dora.Origin{})
		if diff := cmp.Diff(want, h.describeAll(got)); diff != "" || got.Relation != dora.NoAnswer {
			t.Errorf("relation %s, changes (-want +got):\n%s", got.Relation, diff)
		}
	})
	for _, test := range []struct {
		name   string
		before int // commits before those that were rebased
		want   string
	}{
		{"of a comparison, behind a pull request that was rebased", 0, "#1 r3 from a1 with a1,a2,a3,r1,r2"},
		{"of a comparison, among the commits of one that was rebased", 98, "#1 r2 from a1 with a1,a2,a3,r1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHistory(t)
			h.branch("root", "a1", "a2", "a3")
			p := h.pull(1, "root", "a3")
			parent := h.numbered("root", "b", test.before)
			h.rebased("r1", "a1", parent)
			h.rebased("r2", "a2", "r1")
			h.rebased("r3", "a3", "r2")
			p.rebased = []string{"r1", "r2"}
			p.into(h.commits["r3"])
			end := h.numbered("r3", "c", 110)
			g := newInProcess(t, h.github().failWhere("page=2"), Options{})
			got, _ := shipUntilGivenUp(t, g, "root", end, map[string]dora.Origin{})
			if all := h.describeAll(got); got.Relation != dora.NoAnswer || !slices.Contains(all, test.want) {
				t.Errorf("relation %s, changes %q, want %q among them", got.Relation, all, test.want)
			}
		})
	}
	t.Run("of a pull request", func(t *testing.T) {
		h := newHistory(t)
		var shas []string
		for i := range 130 {
			shas = append(shas, "p"+strconv.Itoa(i))
		}
		h.branch("root", shas...)
		h.squash(7, "s7", "root", "p129")
		g := newInProcess(t, h.github().failWhere("/pulls/7/commits?per_page=100&page=2"), Options{})
		known := map[string]dora.Origin{}
		got, _ := shipUntilGivenUp(t, g, "root", "s7", known)
		if len(got.Changes) != 1 || got.Changes[0].Unavailable != "" || !got.Changes[0].FirstCommit.Equal(h.commits["p0"].date) || len(got.Changes[0].Commits) != 101 {
			t.Errorf("changes %q, want #7 from p0 with 100 commits", h.describeAll(got))
		}
		if len(known) != 0 {
			t.Errorf("%d origins are remembered that are not complete", len(known))
		}
	})
	t.Run("that is not there", func(t *testing.T) { // 404 holds nothing up either
		h := newHistory(t)
		var shas []string
		for i := range 130 {
			shas = append(shas, "c"+strconv.Itoa(i))
		}
		h.branch("root", shas...)
		f := h.github()
		inner := f.intercept
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.RawQuery, "&page=2") {
				return false
			}
			return inner(w, r)
		}
		got, _ := shipUntilGivenUp(t, newInProcess(t, f, Options{}), "root", "c129", map[string]dora.Origin{})
		if len(got.Changes) != 101 {
			t.Errorf("%d changes, want those of the first page and the deployed commit's", len(got.Changes))
		}
	})
}

// All calls that fail are found in each attempt, so that the waits for them run at the same time, over restarts, too.
func TestShipFindsAllCallsThatFail(t *testing.T) {
	for _, test := range []struct {
		name    string
		failing []string
		want    []string
	}{
		{"two pull requests", []string{"/pulls/1/commits", "/pulls/2/commits"}, []string{"/pulls/1/commits", "/pulls/2/commits"}},
		{"the comparison and what is asked for without it", []string{"/compare/", "/commits/end/pulls"}, []string{"/commits/end/pulls", "/compare/root...end"}},
		{"pull requests of two commits", []string{"/commits/d1/pulls", "/commits/end/pulls"}, []string{"/commits/d1/pulls", "/commits/end/pulls"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			known := map[string]dora.Origin{}
			for range 2 { // each in a process of its own
				var failed []string
				c := dora.Comparison{Head: theCommit, Base: "root", At: ever, Known: func(sha string) (dora.Origin, bool) {
					o, has := known[sha]
					return o, has
				}}
				c.Head.SHA = "end"
				c.GiveUp = func(u *dora.UnansweredError) bool {
					path, _, _ := strings.Cut(u.Call, "?")
					failed = append(failed, strings.TrimPrefix(path, "https://api.github.com/repos/"+home))
					return false
				}
				g := newInProcess(t, tidy(t).github().failWhere(test.failing...), Options{})
				_, learned, err := g.Ship(t.Context(), c)
				for sha, o := range learned {
					known[sha] = o
				}
				slices.Sort(failed)
				if diff := cmp.Diff(test.want, slices.Compact(failed)); diff != "" || !isUnanswered(err) {
					t.Errorf("error %v, calls that failed (-want +got):\n%s", err, diff)
				}
			}
		})
	}
}
