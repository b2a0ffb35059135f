package dora

import (
	"context"
	"slices"
	"strconv"
	"time"
)

// Comparison asks what a deployment ships: the commits that the previous deployment did not have.
type Comparison struct {
	// Head is the deployed commit.
	Head Commit
	// Base is the SHA of the previous successful deployment to the same environment; empty for the first one ever.
	Base string
	// Paths select the changes that belong to the environment: those that touch a file which one of the patterns matches. Without
	// patterns all do.
	Paths []string
	// GiveUp is told each call that GitHub fails to answer although it answers others, and reports whether the answer is given up: the
	// shipment is what can be determined without. If it is nil, nothing is given up.
	GiveUp func(*UnansweredError) bool
	// At is the time of the deployment's success.
	At time.Time
	// Known returns the remembered origin of a commit; false if there is none.
	Known func(sha string) (Origin, bool)
	// Past reads what came before the deployment; nil if nothing is known of it.
	Past Past
}

// Past reads what came before a deployment: successes with an earlier Moment. Names are compared byte by byte.
type Past interface {
	// Shipped reports whether the scope had a change or commit already: a deployment shipped a change by this name, or deployed
	// this SHA.
	Shipped(ctx context.Context, name string) (bool, error)
	// Ran reports whether this SHA was deployed in the scope.
	Ran(ctx context.Context, sha string) (bool, error)
	// FirstChanges returns, by commit, the name of the change of the repository that was shipped first with it, in any scope. Commits
	// without one are missing. Of another scope, what succeeded at the same time does not count.
	FirstChanges(ctx context.Context, shas []string) (map[string]string, error)
	// DeployedFrom returns SHAs that were deployed from a branch of the repository, in any scope, each once: all, or more than a
	// pull request can list.
	DeployedFrom(ctx context.Context, branch string) ([]string, error)
	// Called reports whether an event, at any time, has called the repository by a name, whatever its case.
	Called(ctx context.Context, owner, repository string) (bool, error)
}

// Relation is how the deployed commit relates to the previous one, in GitHub's words where it has one.
type Relation string

// The relations. https://docs.github.com/en/rest/commits/commits#compare-two-commits
const (
	Ahead     Relation = "ahead"     // it is a descendant
	Behind    Relation = "behind"    // it is an ancestor
	Identical Relation = "identical" // it is the same commit
	Diverged  Relation = "diverged"  // neither is an ancestor of the other
	First     Relation = "first"     // there is no previous deployment
	Gone      Relation = "gone"      // GitHub no longer has one of the commits
	NoAnswer  Relation = "no_answer" // GitHub failed to compare the commits for github.give_up
)

// Shipment has the changes that a deployment ships.
type Shipment struct {
	Relation Relation `json:"relation"`
	// Base is the SHA of the previous deployment.
	Base string `json:"base,omitempty"`
	// Changes has the changes that it ships, in the order in which they were merged.
	Changes []Change `json:"changes,omitempty"`
	// Carriers are the pull requests that brought changes, and have no commits of their own: they are no changes, but what names
	// them means the deployment.
	Carriers []Change `json:"carriers,omitempty"`
	// Calls is the number of calls of the GitHub API that the comparison took.
	Calls int `json:"calls"`
	// Missing are the answers that were given up, as errors.
	Missing []string `json:"missing,omitempty"`
}

// Change is a pull request, or a commit that was pushed without one.
type Change struct {
	// Origin is what is known of the change. There is no lead time only if its Unavailable is set.
	Origin
	// SHA is the commit that brought the change to the branch: the merge, the squashed or the last rebased commit, or
	// the commit itself.
	SHA string `json:"sha"`
	// Commits are the SHAs of all known commits of the change, including SHA.
	Commits []string `json:"commits,omitempty"`
}

// Name returns the name of the change in its repository: #12 for a pull request, else the SHA.
func (c Change) Name() string {
	if c.PullRequest != 0 {
		return "#" + strconv.Itoa(c.PullRequest)
	}
	return c.SHA
}

// Titles returns what the change is called: its title, and the subject of the commit that GitHub makes of a pull request.
func (c Change) Titles() []string {
	switch {
	case c.Title == "":
		return nil
	case c.PullRequest == 0:
		return []string{c.Title}
	}
	return []string{c.Title, c.Title + " (" + c.Name() + ")"}
}

// Names returns all names of the change: its Name and its commits.
func (c Change) Names() []string {
	names := append([]string{c.Name()}, c.Commits...)
	if !slices.Contains(names, c.SHA) {
		names = append(names, c.SHA)
	}
	return names
}
