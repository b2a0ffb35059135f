package dora

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Commit names a commit of a repository.
type Commit struct {
	Host       string `json:"host"`
	Owner      string `json:"owner"`
	Repository string `json:"repository"`
	SHA        string `json:"sha"`
	// Pull is the number of the pull request that is its change: it was deployed as refs/pull/n/merge, a test merge that only GitHub
	// knows, or as refs/pull/n/head. It is 0 if GitHub has to say which change brought the commit.
	Pull int `json:"pull,omitempty"`
	// OnDefaultBranch is true if the deployment's ref is the repository's default branch.
	OnDefaultBranch bool `json:"on_default_branch,omitempty"`
}

// At returns another commit of the same repository.
func (c Commit) At(sha string) Commit {
	if sha != c.SHA {
		c.SHA, c.Pull = sha, 0
	}
	return c
}

// CalledBy returns the commit with another name of its repository (RepositoryName). The spelling stays if only case differs.
func (c Commit) CalledBy(name string) Commit {
	owner, repository, ok := strings.Cut(name, "/")
	if !ok || name == RepositoryName(c.Owner, c.Repository) {
		return c
	}
	owner, err := url.PathUnescape(owner)
	repository, err2 := url.PathUnescape(repository)
	if err == nil && err2 == nil {
		c.Owner, c.Repository = owner, repository
	}
	return c
}

// pullRef matches the refs that GitHub makes for a pull request.
var pullRef = regexp.MustCompile(`^refs/pull/([1-9][0-9]{0,8})/(?:merge|head)$`)

// pullOfRef returns the number of the pull request that a ref stands for; 0 if it stands for none.
func pullOfRef(ref string) int {
	m := pullRef.FindStringSubmatch(ref)
	if m == nil {
		return 0
	}
	number, _ := strconv.Atoi(m[1])
	return number
}

// Origin is when the work on a commit began, and what is known of the change that brought it.
type Origin struct {
	// FirstCommit is the earliest plausible date among the commits of the pull request that brought the commit, or that of the
	// commit itself when there is no pull request. Dates has what First needs if it is not the same for every status: the commits
	// with unusual dates, and the first of the others.
	FirstCommit time.Time     `json:"first_commit,omitzero"`
	Dates       []CommitDates `json:"dates,omitempty"`
	// PullRequest is the number of that pull request, 0 without one.
	PullRequest int `json:"pull_request,omitempty"`
	// Unavailable is the reason why FirstCommit can't be determined; empty if it is known.
	Unavailable string `json:"unavailable,omitempty"`

	// Partial is true if GitHub failed to tell all about the change.
	Partial bool `json:"partial,omitempty"`
	// Opened and Merged are the pull request's; zero without one, Merged also when it is not merged.
	Opened time.Time `json:"opened,omitzero"`
	Merged time.Time `json:"merged,omitzero"`
	// Author is the login of the author of the pull request, or of the commit without one; empty if GitHub does not know it.
	Author string `json:"author,omitempty"`
	// Title is the pull request's, or the subject of the commit without one.
	Title string `json:"title,omitempty"`
	// Branch and PullLabels are those of the pull request, for the patterns of hotfixes.
	Branch     string   `json:"branch,omitempty"`
	PullLabels []string `json:"pull_labels,omitempty"`
	// MergeCommit is the commit that GitHub made of the pull request when it merged it, Head the newest commit of its branch.
	MergeCommit string `json:"merge_commit,omitempty"`
	Head        string `json:"head,omitempty"`
	// BackMerge is true if the pull request takes the default branch to another one, Fork if its branch is of another repository.
	BackMerge bool `json:"back_merge,omitempty"`
	Fork      bool `json:"fork,omitempty"`
	// Reverts are the changes that this one reverts: #12 for a pull request of the same repository, owner/repo#12 for one of a
	// repository of another name, which may be a former name of the same, "Title" with the quotes for the change with a title, else a
	// commit's SHA. The changes of a Shipment have none of another name.
	Reverts []string `json:"reverts,omitempty"`
	// PullCommits are the pull request's own commits, 250 at most, by which a shipment recognizes rebased commits without a call. If
	// several commits brought the pull request, only one of them has PullCommits, and the others have its SHA in PullCommitsOf. The
	// changes of a Shipment have neither.
	PullCommits   []PullCommit `json:"pull_commits,omitempty"`
	PullCommitsOf string       `json:"pull_commits_of,omitempty"`
}

// PullCommit is a commit of a pull request.
type PullCommit struct {
	SHA string `json:"sha"`
	// Work is a hash of what a rebase keeps; empty if the commit has no author date.
	Work string `json:"work,omitempty"`
	CommitDates
	// Named is the number of the pull request in its subject, 0 without one.
	Named int `json:"named,omitempty"`
}

// Reasons why a duration can't be determined: the values of the label reason.
const (
	ReasonNoCommit    = "no_commit"        // the payload names no commit
	ReasonNotFound    = "not_found"        // GitHub answered 404, four times over 71 minutes
	ReasonUnprocessed = "unprocessable"    // GitHub answered 422, likewise
	ReasonInvalidName = "invalid_name"     // GitHub can't have such an owner, repository or commit; it is not asked
	ReasonNoDate      = "no_commit_date"   // the commit has no author date
	ReasonImplausible = "implausible_date" // every date of the commit is before git or after the status
	ReasonNoAnswer    = "no_answer"        // GitHub failed to answer for github.give_up, although it answered other calls
)

// NotFoundError is the error of an Enricher if GitHub answers that a commit does not exist (404) or can't be processed (422). The
// commit may appear a little later, so the look-up is retried some times before the answer is final.
type NotFoundError struct {
	// Reason is ReasonNotFound, ReasonUnprocessed or ReasonInvalidName.
	Reason string
	Err    error
}

func (e *NotFoundError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the call.
func (e *NotFoundError) Unwrap() error { return e.Err }

// ReasonIgnoredAuthor is the reason of a change whose author is in changes.ignore_authors.
const ReasonIgnoredAuthor = "ignored_author"
