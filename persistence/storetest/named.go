package storetest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"dora-exporter/dora"
)

// The text of an issue refers to deployments by number, pull request or the beginning of a commit's SHA. A reference finds all that
// it may mean, and nothing that only looks alike.
func namedRules() rules {
	return rules{"number": namedByNumber, "pull": namedByPullRequest, "commit": namedByCommit, "repository": namedInARepository}
}

// beginning is that of a SHA.
const beginning = "abc1234"

// continued begin with it.
func continued() []string {
	return []string{beginning, beginning + "0", beginning + "f" + strings.Repeat("0", 32), beginning + strings.Repeat("f", 33)}
}

// lookAlikes do not begin with it, though one that compares by the rules of a language, or takes it for a pattern, may find so.
func lookAlikes() []string {
	return []string{
		"abc123", "abc1235", "abc1233" + strings.Repeat("f", 33), "ABC1234" + strings.Repeat("0", 33), "Abc1234", "äbc1234", " abc1234", "xabc1234",
		"abc%", "abc123%", "abc123_", "abc123\x00", "abc123\x004", "abc123\xff", "%", "_______", "#1234567", "",
	}
}

// named fails if a reference does not name these deployments, for the rules and for explanations.
func named(t *testing.T, s Store, what string, r dora.Reference, want ...int64) {
	t.Helper()
	check := func(by string, all []dora.DeploymentRecord, err error) {
		t.Helper()
		ids := map[int64]bool{}
		for _, id := range idsOf(all) {
			ids[id] = true // a deployment may be named in two ways
		}
		got := slices.Sorted(maps.Keys(ids))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %s are %v, %v; want %v", what, by, got, err, want)
		}
	}
	update(t, s, func(tx dora.Tx) error {
		all, err := tx.History().Named(r)
		check("History().Named", all, err)
		return nil
	})
	all, err := s.Named(t.Context(), r)
	check("Named", all, err)
}

func namedByNumber(t *testing.T, s Store) {
	other := success(2, 2)
	other.Outcomes = nil // also one that has not succeeded
	save(t, s, success(1, 1), other, success(12, 3))
	named(t, s, "a number", dora.Reference{Deployment: 1}, 1)
	named(t, s, "one without a success", dora.Reference{Deployment: 2}, 2)
	named(t, s, "none", dora.Reference{Deployment: 3})
	named(t, s, "nothing", dora.Reference{})
}

func namedByPullRequest(t *testing.T, s Store) {
	ship(t, s, success(1, 1), false, "#7")
	ship(t, s, success(2, 2), false, "#7", "#8")
	ship(t, s, success(3, 3), false, "#77")
	named(t, s, "a pull request", dora.Reference{PullRequest: 7}, 1, 2)
	named(t, s, "either", dora.Reference{PullRequest: 8, Deployment: 3}, 2, 3)
	named(t, s, "none", dora.Reference{PullRequest: 1})
}

// A commit is that which was deployed, or one of a change that was shipped.
func namedByCommit(t *testing.T, s Store) {
	for i, sha := range lookAlikes() {
		d := success(100+i, i)
		d.SHA = sha
		ship(t, s, d, false, "#1")
		ship(t, s, success(200+i, i), false, sha)
	}
	named(t, s, "look-alikes", dora.Reference{Commit: beginning})
	var want []int64
	for i, sha := range continued() {
		d := success(1+i, i)
		d.SHA = sha
		save(t, s, d)
		ship(t, s, success(10+i, i), false, sha)
	}
	for i := range continued() {
		want = append(want, int64(1+i))
	}
	for i := range continued() {
		want = append(want, int64(10+i))
	}
	named(t, s, "a beginning", dora.Reference{Commit: beginning}, want...)
	whole := continued()[2]
	named(t, s, "a whole SHA", dora.Reference{Commit: whole}, 3, 12)
}

// With a repository, whatever its case, a reference names only what is in it.
func namedInARepository(t *testing.T, s Store) {
	in := func(id int, owner, repository string) dora.DeploymentRecord {
		d := success(id, id)
		d.Owner, d.Repository, d.SHA = owner, repository, beginning
		return d
	}
	for _, d := range []dora.DeploymentRecord{in(1, "acme", "web"), in(2, "acme", "web2"), in(3, "acme2", "web"), in(4, "acme/web", ""), in(5, "acme", "we%")} {
		ship(t, s, d, false, "#7")
	}
	for what, r := range map[string]dora.Reference{
		"a pull request": {Owner: "Acme", Repository: "WEB", PullRequest: 7},
		"a commit":       {Owner: "acme", Repository: "web", Commit: beginning},
		"a number":       {Owner: "acme", Repository: "web", Deployment: 1},
	} {
		named(t, s, what, r, 1)
	}
	named(t, s, "a number of another repository", dora.Reference{Owner: "acme", Repository: "web", Deployment: 2})
	named(t, s, "a pattern", dora.Reference{Owner: "acme", Repository: "we%", Commit: beginning}, 5)
	named(t, s, "any", dora.Reference{PullRequest: 7}, 1, 2, 3, 4, 5)
}
