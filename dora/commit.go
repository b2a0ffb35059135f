package dora

import "time"

// Commit names a commit of a repository.
type Commit struct {
	Host       string `json:"host"`
	Owner      string `json:"owner"`
	Repository string `json:"repository"`
	SHA        string `json:"sha"`
	// OnDefaultBranch is set when the deployment's ref is the repository's default branch.
	OnDefaultBranch bool `json:"on_default_branch,omitempty"`
}

// Origin says when the work on a commit began, and what is known of the change that brought it.
type Origin struct {
	// FirstCommit is the earliest author date among the commits of the pull request that brought the commit, or that of the
	// commit itself when there is no pull request.
	FirstCommit time.Time `json:"first_commit,omitzero"`
	// PullRequest is the number of that pull request, 0 without one.
	PullRequest int `json:"pull_request,omitempty"`
	// Unavailable is the reason why FirstCommit can't be had, empty when it can.
	Unavailable string `json:"unavailable,omitempty"`

	// Opened and Merged are the pull request's; zero without one, Merged also when it is not merged.
	Opened time.Time `json:"opened,omitzero"`
	Merged time.Time `json:"merged,omitzero"`
	// Author is the login of who made the pull request, or the commit without one; empty when GitHub does not know.
	Author string `json:"author,omitempty"`
	// Branch and PullLabels are those of the pull request, for the patterns of hotfixes.
	Branch     string   `json:"branch,omitempty"`
	PullLabels []string `json:"pull_labels,omitempty"`
	// Reverts are the changes that this one takes back: #12 for a pull request of the same repository, else a commit's SHA.
	Reverts []string `json:"reverts,omitempty"`
	// PullCommits are the pull request's own commits, 250 at most, so that a shipment names them, and knows those again that
	// were rebased, without a call. When several commits brought the pull request one keeps them all, and PullCommitsOf is
	// its SHA in the others. A Shipment has neither, nor have rows of older versions.
	PullCommits   []PullCommit `json:"pull_commits,omitempty"`
	PullCommitsOf string       `json:"pull_commits_of,omitempty"`
	// Complete is set when the fields from Opened on are known, and not only those that a duration needs.
	Complete bool `json:"complete,omitempty"`
}

// PullCommit is one of a pull request's own commits.
type PullCommit struct {
	SHA string `json:"sha"`
	// Work is a hash of what stays the same when the commit is rebased; empty when it has no author date.
	Work string `json:"work,omitempty"`
}

// Reasons why a duration can't be had: the values of the label reason.
const (
	ReasonNoCommit     = "no_commit"      // the payload names no commit
	ReasonNotFound     = "not_found"      // GitHub answered 404, four times over 71 minutes
	ReasonUnprocessed  = "unprocessable"  // GitHub answered 422, likewise
	ReasonInvalidName  = "invalid_name"   // GitHub can't have such an owner, repository or commit; it is not asked
	ReasonNoDate       = "no_commit_date" // the commit has no author date
	ReasonBeforeCommit = "before_commit"  // the status is older than the commit
)

// NotFoundError is what an Enricher returns when GitHub says that the commit is not there (404) or makes no sense (422).
// It may be there a little later, so it is asked for again before it is final.
type NotFoundError struct {
	// Reason is ReasonNotFound, ReasonUnprocessed or ReasonInvalidName.
	Reason string
	Err    error
}

func (e *NotFoundError) Error() string { return e.Err.Error() }

// Unwrap gives the error of the call.
func (e *NotFoundError) Unwrap() error { return e.Err }

// Until returns the milliseconds from the origin to a time, or the reason why there are none. It doesn't use
// time.Duration, which ends at 292 years (9.22e9 seconds).
func (o Origin) Until(at time.Time) (ms int64, reason string) {
	if o.Unavailable != "" {
		return 0, o.Unavailable
	}
	if o.FirstCommit.IsZero() {
		return 0, ReasonNoDate
	}
	ms = at.UnixMilli() - o.FirstCommit.UnixMilli()
	if ms < 0 {
		return 0, ReasonBeforeCommit
	}
	return ms, ""
}

// ReasonIgnoredAuthor is why a change has no lead time whose author is in changes.ignore_authors; the other reasons are those
// of a commit.
const ReasonIgnoredAuthor = "ignored_author"
