package enrichment

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// What a duration can be determined from while GitHub fails to answer something.
func TestOriginUnanswered(t *testing.T) {
	h := newHistory(t)
	var shas []string
	for i := range 130 {
		shas = append(shas, "p"+strconv.Itoa(i))
	}
	h.branch("root", shas...)
	h.squash(7, "s7", "root", "p129")
	h.branch("s7", "d1")
	first := h.commits["p0"].date
	for _, test := range []struct {
		name, sha string
		failing   []string
		want      dora.Origin
	}{
		{"commits of the pull request", "s7", []string{"/pulls/7/commits"}, dora.Origin{PullRequest: 7, Unavailable: dora.ReasonNoAnswer}},
		{"their second page", "s7", []string{"/pulls/7/commits?per_page=100&page=2"}, dora.Origin{PullRequest: 7, FirstCommit: first}},
		{"pull requests of a commit that names one", "s7", []string{"/commits/s7/pulls"}, dora.Origin{PullRequest: 7, FirstCommit: first}},
		{"pull requests of a commit that names none", "d1", []string{"/commits/d1/pulls"}, dora.Origin{Unavailable: dora.ReasonNoAnswer}},
		{"the commit", "d1", []string{"/commits/d1?"}, dora.Origin{Unavailable: dora.ReasonNoAnswer}},
		{"all of a commit", "s7", []string{"/commits/s7"}, dora.Origin{Unavailable: dora.ReasonNoAnswer}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newInProcess(t, h.github().failWhere(test.failing...), Options{})
			c := theCommit
			c.SHA = test.sha
			for attempt := range 2 {
				_, err := g.Origin(t.Context(), c)
				if u := new(dora.UnansweredError); !errors.As(err, &u) {
					t.Fatalf("attempt %d: %v, want an UnansweredError", attempt, err)
				}
			}
			got, err := g.PartialOrigin(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if got.Unavailable == "" && !got.Partial {
				t.Error("the origin is taken for a whole one")
			}
			got = dora.Origin{PullRequest: got.PullRequest, FirstCommit: got.FirstCommit, Unavailable: got.Unavailable}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("origin (-want +got):\n%s", diff)
			}
		})
	}
}

// All ways in which one URL may fail for ever are the same.
func TestWaysOfNotAnswering(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"500":                 text(500, `{"message":"Server Error"}`),
		"HTML in a 502":       text(502, "<html>Unicorn!</html>"),
		"504 without a body":  text(504, ""),
		"hanging":             hang,
		"JSON that is cut":    text(200, `[{"sha":"a1","commit":{"auth`),
		"HTML in a 200":       text(200, "<html>Sign in</html>"),
		"202":                 text(202, "{}"),
		"an answer too large": text(200, `[`+strings.Repeat(`{},`, 20_000)+`{}]`),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := tidy(t)
				f := h.github()
				inner := f.intercept
				f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
					if strings.HasSuffix(r.URL.Path, "/pulls/1/commits") {
						answer(w, r)
						return true
					}
					return inner(w, r)
				}
				got, _ := shipUntilGivenUp(t, newInProcess(t, f, Options{}), "root", "end", map[string]dora.Origin{})
				want := []string{"#1 s1 unavailable: no_answer", "d1 from d1", "#2 s2 from b1 with b1", "end from end"}
				if diff := cmp.Diff(want, h.describeAll(got)); diff != "" {
					t.Errorf("changes (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What else GitHub knows of a commit is asked for when the answer is given up, not at each attempt before.
func TestOriginEndsWithoutAnAnswer(t *testing.T) {
	f := (&fakeGitHub{}).failWhere("/commits/s7/pulls")
	g := newInProcess(t, f, Options{})
	c := theCommit
	c.SHA = "s7"
	if _, err := g.Origin(t.Context(), c); !isUnanswered(err) {
		t.Fatalf("%v, want an UnansweredError", err)
	}
	for _, call := range f.asked() {
		if strings.HasSuffix(call, "/commits/s7") {
			t.Errorf("%s was asked for", call)
		}
	}
}
