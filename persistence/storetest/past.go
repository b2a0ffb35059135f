package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// What came before a deployment are the successes with an earlier Moment, whatever was stored first.
func pastRules() rules {
	return rules{"shipped": shippedBefore, "ran": ranBefore, "first change": firstChange, "branch": deployedFrom}
}

// whether fails if a name is not, or is, among what came before a deployment.
func whether(t *testing.T, what string, want bool, got bool, err error) {
	t.Helper()
	if got != want || err != nil {
		t.Errorf("%s: %t, %v; want %t", what, got, err, want)
	}
}

func shippedBefore(t *testing.T, s Store) {
	elsewhere := success(4, 1)
	elsewhere.Environment = "staging"
	ship(t, s, success(3, 2), false, "#1", "abc1234")
	ship(t, s, elsewhere, false, "#2")
	save(t, s, success(1, 1))
	for name, test := range map[string]struct {
		of   dora.DeploymentRecord
		name string
		want bool
	}{
		"later":           {success(9, 3), "#1", true},
		"a commit":        {success(9, 3), "abc1234", true},
		"a larger number": {success(4, 2), "#1", true},
		"itself":          {success(3, 2), "#1", false},
		"earlier":         {success(9, 1), "#1", false},
		"a deployed SHA":  {success(9, 3), success(1, 1).SHA, true},
		"a part of a SHA": {success(9, 3), "abc123", false},
		"another scope":   {success(9, 3), "#2", false},
	} {
		got, err := s.Past(test.of).Shipped(t.Context(), test.name)
		whether(t, name, test.want, got, err)
	}
}

func ranBefore(t *testing.T, s Store) {
	failed := success(5, 1)
	failed.Outcomes[0].State = "failure"
	save(t, s, success(1, 1), failed)
	ship(t, s, success(2, 1), false, "abc1234")
	for name, test := range map[string]struct {
		of   dora.DeploymentRecord
		sha  string
		want bool
	}{
		"later":               {success(9, 2), success(1, 1).SHA, true},
		"itself":              {success(1, 1), success(1, 1).SHA, false},
		"without success":     {success(9, 2), failed.SHA, false},
		"shipped, not itself": {success(9, 2), "abc1234", false},
	} {
		got, err := s.Past(test.of).Ran(t.Context(), test.sha)
		whether(t, name, test.want, got, err)
	}
}

func firstChange(t *testing.T, s Store) {
	staging, other := success(5, 1), success(6, 0)
	staging.Environment, other.Repository = "staging", "library"
	ship(t, s, success(3, 2), false, "#3", "a", "b")
	ship(t, s, staging, false, "#5", "a")
	ship(t, s, other, false, "#6", "a")
	for name, test := range map[string]struct {
		of        dora.DeploymentRecord
		sha, want string
	}{
		"of another scope, which was earlier": {success(9, 3), "a", "#5"},
		"of its own scope":                    {success(9, 3), "b", "#3"},
		"at the same time in its scope":       {success(4, 2), "b", "#3"},
		"at the same time in another":         {success(9, 1), "a", ""},
		"itself":                              {success(3, 2), "b", ""},
		"none":                                {success(9, 3), "c", ""},
	} {
		got, err := s.Past(test.of).FirstChanges(t.Context(), []string{test.sha})
		if got[test.sha] != test.want || err != nil {
			t.Errorf("%s: FirstChanges = %q, %v; want %q", name, got, err, test.want)
		}
	}
	got, err := s.Past(success(9, 3)).FirstChanges(t.Context(), []string{"a", "b", "c"})
	if diff := cmp.Diff(map[string]string{"a": "#5", "b": "#3"}, got); diff != "" || err != nil {
		t.Errorf("several: %v (-want +got):\n%s", err, diff)
	}
}

func deployedFrom(t *testing.T, s Store) {
	from := func(id, at int, ref, environment string) dora.DeploymentRecord {
		d := success(id, at)
		d.Ref, d.Environment, d.SHA = ref, environment, fmt.Sprint("sha", id)
		return d
	}
	other := from(6, 1, "main", "production")
	other.Repository = "library"
	again := from(7, 1, "main", "production")
	again.SHA = "sha1"
	save(t, s, from(1, 1, "main", "production"), from(2, 2, "refs/heads/main", "staging"), from(3, 3, "main", "staging"), from(4, 1, "Main", "a"), other, again)
	for branch, want := range map[string]string{"main": "sha1 sha2", "Main": "sha4", "mai": "", "refs/heads/main": ""} {
		got, err := s.Past(success(2, 3)).DeployedFrom(t.Context(), branch)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		same(t, "deployed from "+branch, want, strings.Join(got, " "))
	}
	got, err := s.Past(from(3, 3, "main", "staging")).DeployedFrom(t.Context(), "main")
	whether(t, "before itself", false, slices.Contains(got, "sha3"), err)
}
