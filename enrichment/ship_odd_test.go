package enrichment

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

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
	if diff := cmp.Diff(want, h.describeAll(s)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if _, known := known["d1"]; known {
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
			if err == nil || errors.As(err, &missing) || n > 8 {
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
