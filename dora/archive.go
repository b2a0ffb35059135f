package dora

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// BackfillTx keeps how far histories were read, by the names of their parts, and what was read of them.
type BackfillTx interface {
	// Part decodes the state of a part, as JSON, into a value; false if there is none.
	Part(name string, into any) (bool, error)
	// Parts returns the names of the parts that begin with a prefix, which is not empty, in their order.
	Parts(prefix string) ([]string, error)
	// SavePart adds or replaces the state of a part.
	SavePart(name string, state any) error
	// AddPage adds a page to those of a part.
	AddPage(name string, page ArchivePage) error
	// Pages returns the pages of a part, in the order in which they were added, and RemovePages removes them.
	Pages(name string) ([]ArchivePage, error)
	RemovePages(name string) error
}

// Archive has what was read in bulk of the years before the installation.
type Archive interface {
	// ArchivedPages returns how many pages were read of the repository of a commit; they become more, or none.
	ArchivedPages(ctx context.Context, c Commit) (int, error)
	// Archived returns what was read of the repository of a commit; nil if nothing was.
	Archived(ctx context.Context, c Commit) (*ArchivedRepository, error)
}

// ArchivedRepository has all that was read in bulk of a repository, as one ArchivePage.
type ArchivedRepository struct {
	// ID is GitHub's repository.id, DefaultBranch its branch when it was read, Newest the newest commit of that.
	ID            int64  `json:"id,omitempty"`
	DefaultBranch string `json:"default_branch,omitempty"`
	Newest        string `json:"newest,omitempty"`
	// PullsSince is the time since which all pull requests that were merged are there.
	PullsSince time.Time        `json:"pulls_since,omitzero"`
	Pulls      []ArchivedPull   `json:"-"`
	Commits    []ArchivedCommit `json:"-"`
}

// ArchivePart returns the name of the part of a backfill that is about a repository.
func ArchivePart(host, owner, repository string) string {
	return GitHub + "/" + strings.ToLower(host) + "/" + RepositoryName(owner, repository)
}

// ArchivePage is a part of what was read: merged pull requests, commits with their parents, and deployments of which no delivery has been
// made yet.
type ArchivePage struct {
	Deployments []ArchivedDeployment `json:"deployments,omitempty"`

	Pulls   []ArchivedPull   `json:"pulls,omitempty"`
	Commits []ArchivedCommit `json:"commits,omitempty"`
}

// ArchivedDeployment is a deployment with its statuses.
type ArchivedDeployment struct {
	// Node is GitHub's global id, ID its number; 0 if it is not known.
	Node    string    `json:"node,omitempty"`
	ID      int64     `json:"id,omitempty"`
	SHA     string    `json:"sha"`
	Created time.Time `json:"created"`
	// Document is the deployment as in a webhook, without what GraphQL does not have.
	Document json.RawMessage  `json:"document,omitempty"`
	Statuses []ArchivedStatus `json:"statuses,omitempty"`
	// Lacking is true if Document lacks the ref, Incomplete if there are more statuses.
	Lacking    bool `json:"lacking,omitempty"`
	Incomplete bool `json:"incomplete,omitempty"`
}

// ArchivedStatus is a status of a deployment.
type ArchivedStatus struct {
	ID          int64     `json:"id,omitempty"`
	State       string    `json:"state"`
	Environment string    `json:"environment,omitempty"`
	At          time.Time `json:"at"`
}

// ArchivedPull is a merged pull request.
type ArchivedPull struct {
	Number int       `json:"number"`
	Opened time.Time `json:"opened,omitzero"`
	Merged time.Time `json:"merged,omitzero"`
	// Author is a login, with [bot] at the end of a bot's, as in REST.
	Author string `json:"author,omitempty"`
	Title  string `json:"title,omitempty"`
	// Body has the lines of the text that may say what is reverted.
	Body   string   `json:"body,omitempty"`
	Labels []string `json:"labels,omitempty"`
	// Branch is the name of its branch, Head the newest commit of it, HeadRepository the id of its repository; 0 if it is gone.
	Branch         string `json:"branch,omitempty"`
	Head           string `json:"head,omitempty"`
	HeadRepository int64  `json:"head_repository,omitempty"`
	Base           string `json:"base,omitempty"`
	// MergeCommit has its parents.
	MergeCommit ArchivedCommit `json:"merge_commit,omitzero"`
	// Commits are its own, without their parents. They are not all if Incomplete is true.
	Commits    []ArchivedCommit `json:"commits,omitempty"`
	Incomplete bool             `json:"incomplete,omitempty"`
}

// ArchivedCommit is a commit.
type ArchivedCommit struct {
	SHA     string `json:"sha"`
	Message string `json:"message,omitempty"`
	// Author is a login; empty if GitHub does not know it.
	Author string `json:"author,omitempty"`
	CommitDates
	Parents []string `json:"parents,omitempty"`
}
