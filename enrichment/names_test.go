package enrichment

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"dora-exporter/dora"
)

// realNames is a client that asks only for what GitHub can have.
func realNames(t *testing.T, f http.Handler) *GitHub {
	t.Helper()
	g := newInProcess(t, f, Options{})
	g.isSHA = isSHA
	return g
}

func TestInvalidNamesAreNotAskedFor(t *testing.T) {
	sha256 := strings.Repeat("0a", 32)
	tests := map[string]struct {
		valid, invalid []string
		set            func(*dora.Commit, string)
	}{
		"owner": {
			valid:   []string{"acme", "a", "A-c_m-e1", "octo_corp", "a.b", "-old", strings.Repeat("a", 100)},
			invalid: []string{"", ".", "..", ".acme", "a/b", "a%2fb", "a b", " acme", "acme\n", "a\x00b", "a\xff", "a?b", "a#b", "a:b", "a@b", "a\\b", "ä", strings.Repeat("a", 101)},
			set:     func(c *dora.Commit, name string) { c.Owner = name },
		},
		"repository": {
			valid:   []string{"shop", ".github", "...", "a..b", "Shop_1.0-x", strings.Repeat("a", 100)},
			invalid: []string{"", ".", "..", "a/b", "../x", "a%2e", "%2e%2e", "a b", "shop ", "shop\r\n", "a\tb", "a;b", "a&b", "ü", strings.Repeat("a", 101)},
			set:     func(c *dora.Commit, name string) { c.Repository = name },
		},
		"SHA": {
			valid: []string{sha, strings.ToUpper(sha), sha256, "c0ffee", "abcd"},
			invalid: []string{
				".", "..", "main", "HEAD", "abc", sha + "0", sha256[:63], sha256 + "0", sha[:39] + "g", sha + "\n", " " + sha, "x/../../user",
				sha[:20] + "/" + sha[20:], "%2e%2e", "0x12345", "refs/heads/main", sha + "...", sha + "?page=2", "１２３４５",
			},
			set: func(c *dora.Commit, name string) { c.SHA = name },
		},
	}
	for what, test := range tests {
		for _, name := range test.valid {
			f := withPull()
			c := theCommit
			test.set(&c, name)
			if _, err := realNames(t, f).Origin(t.Context(), c); len(f.asked()) == 0 {
				t.Errorf("%s %q is not asked for: %v", what, name, err)
			}
		}
		for _, name := range test.invalid {
			f := withPull()
			c := theCommit
			test.set(&c, name)
			o, err := realNames(t, f).Origin(t.Context(), c)
			if err != nil || o.Unavailable != dora.ReasonInvalidName || len(f.asked()) != 0 {
				t.Errorf("%s %q: %q, error %v, asked for %q; want no call and invalid_name", what, name, o.Unavailable, err, f.asked())
			}
			s, _, err := realNames(t, f).Ship(t.Context(), dora.Comparison{Head: c, Base: sha, At: ever})
			if err != nil || len(s.Changes) != 1 || s.Changes[0].Unavailable != dora.ReasonInvalidName || len(f.asked()) != 0 || s.Calls != 0 {
				t.Errorf("%s %q ships %+v, error %v, asked for %q; want no call and invalid_name", what, name, s, err, f.asked())
			}
		}
	}
}

// The commit that was deployed before is gone if GitHub can't have it.
func TestShipAfterAnInvalidSHA(t *testing.T) {
	for _, base := range []string{"x/../y?z", "..", "main", sha + "..." + sha} {
		f := withPull()
		s, _, err := realNames(t, f).Ship(t.Context(), dora.Comparison{Head: theCommit, Base: base, At: ever})
		if err != nil || s.Relation != dora.Gone || len(s.Changes) != 1 || s.Changes[0].PullRequest != 109 || count(f.asked(), "compare") != 0 {
			t.Errorf("after %q: %+v, error %v, asked for %q", base, s, err, f.asked())
		}
	}
}

// What an answer says is no more trusted than a payload: such a commit has no lead time, the others do.
func TestInvalidNamesInAnswers(t *testing.T) {
	head := strings.Repeat("a", 40)
	f := &fakeGitHub{}
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.Contains(r.URL.Path, "/compare/"):
			text(200, `{"status":"ahead","total_commits":2,"commits":[
				{"sha":"../../../user","commit":{"author":{"date":"2026-01-01T09:00:00Z"}},"parents":[{"sha":"`+sha+`"}]},
				{"sha":"`+head+`","commit":{"author":{"date":"2026-01-01T10:00:00Z"}},"parents":[{"sha":"../../../user"}]}]}`,
				"Link", `<https://evil.example.com/repos/acme/shop/compare/x?page=../../user>; rel="next"`)(w, r)
		case strings.HasSuffix(r.URL.Path, "/commits/"+head+"/pulls"):
			text(200, `[]`)(w, r)
		default:
			return false
		}
		return true
	}
	c := theCommit
	c.SHA = head
	s, _, err := realNames(t, f).Ship(t.Context(), dora.Comparison{Head: c, Base: sha, At: ever})
	if err != nil || len(s.Changes) != 2 || s.Changes[0].Unavailable != dora.ReasonInvalidName || s.Changes[1].Unavailable != "" {
		t.Errorf("ships %+v, error %v", s, err)
	}
	if calls := f.asked(); len(calls) != 2 || s.Calls != 2 {
		t.Errorf("asked for %q, counted %d; want the comparison and the head's pull requests", calls, s.Calls)
	}
}

// No placeholder takes what can't be there.
func TestCheckNamesOfEachPlaceholder(t *testing.T) {
	for _, args := range [][]string{
		{routePull, "acme", "shop", "0"},
		{routePull, "acme", "shop", "-1"},
		{routePull, "acme", "shop", "12345678901"},
		{routePull, "acme", "shop", "1/files"},
		{routeCompare, "acme", "shop", sha},
		{routeCompare, "acme", "shop", sha + "..." + sha + "..." + sha},
		{routeCompare, "acme", "shop", sha + ".../" + sha},
		{"/repos/{owner}/{repo}/environments/{environment}", "acme", "shop", "production"},
	} {
		g := realNames(t, &fakeGitHub{})
		err := g.checkNames(args[0], args[1:]...)
		var missing *dora.NotFoundError
		if !errors.Is(err, errInvalidName) || !errors.As(err, &missing) || missing.Reason != dora.ReasonInvalidName {
			t.Errorf("%q: %v", args, err)
		}
	}
}
