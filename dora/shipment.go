package dora

import (
	"slices"
	"strconv"
)

// Comparison asks what a deployment ships: what its commit has that the one before it had not.
type Comparison struct {
	// Head is the deployed commit.
	Head Commit
	// Base is the SHA of the previous successful deployment to the same environment; empty for the first one ever.
	Base string
	// Paths decide which changes belong to the environment: those that touch a file that one of the patterns matches. All
	// do when there is none.
	Paths []string
	// Known returns what is remembered of the change that brought a commit; false when nothing is.
	Known func(sha string) (Origin, bool)
}

// Relation says how the deployed commit lies to the one before it, in GitHub's words where it has one.
type Relation string

// The relations. https://docs.github.com/en/rest/commits/commits#compare-two-commits
const (
	Ahead     Relation = "ahead"     // it has more commits
	Behind    Relation = "behind"    // it is an older commit
	Identical Relation = "identical" // it is the same commit
	Diverged  Relation = "diverged"  // each has commits that the other has not
	First     Relation = "first"     // there is no deployment before it
	Gone      Relation = "gone"      // GitHub does not have the commit before it any more
)

// Shipment is what a deployment ships.
type Shipment struct {
	Relation Relation `json:"relation"`
	// Base is the SHA that was compared with.
	Base string `json:"base,omitempty"`
	// Changes are in the order in which they were merged.
	Changes []Change `json:"changes,omitempty"`
	// Calls is how many calls of the GitHub API it took.
	Calls int `json:"calls"`
}

// Change is a pull request, or a commit that was pushed without one.
type Change struct {
	// Origin is what is known of the change: its pull request, first commit and more. Only its Unavailable says that there is no
	// lead time.
	Origin
	// SHA is the commit that brought the change to the branch: the merge, the squashed or the last rebased commit, or
	// the commit itself.
	SHA string `json:"sha"`
	// Commits are the SHAs of all commits of the change that are known, SHA among them.
	Commits []string `json:"commits,omitempty"`
}

// Name is the change's among those of its repository: #12 for a pull request, else the SHA.
func (c Change) Name() string {
	if c.PullRequest != 0 {
		return "#" + strconv.Itoa(c.PullRequest)
	}
	return c.SHA
}

// Names are all that the change can be called: its name and its commits.
func (c Change) Names() []string {
	names := append([]string{c.Name()}, c.Commits...)
	if !slices.Contains(names, c.SHA) {
		names = append(names, c.SHA)
	}
	return names
}
