package demo

import (
	"crypto/sha1" //nolint:gosec // git names commits so
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Repository is a git repository at GitHub. It has no lock: its history must be complete before the API is used.
type Repository struct {
	Owner, Name string

	// main is the SHA of the newest commit of the default branch; empty before the first.
	main string
	// commits are in the order in which they were made, parents first.
	commits []Commit
	bySHA   map[string]int
	pulls   map[int]*PullRequest
	// deployed are the deployments, in the order in which they were made.
	deployed []*deployed
}

// Commit is a commit. Its SHA and parents are set by the repository.
type Commit struct {
	SHA     string
	Parents []string
	// Author is a login; empty if GitHub knows none for the e-mail address.
	Author  string
	Message string
	// Written is the author date, Committed the committer date, which is later if the commit was rebased.
	Written, Committed time.Time
	Files              []string
}

// DefaultBranch is the name of the default branch of all repositories.
const DefaultBranch = "main"

// NewRepository returns a repository without commits.
func NewRepository(owner, name string) *Repository {
	return &Repository{Owner: owner, Name: name, bySHA: map[string]int{}, pulls: map[int]*PullRequest{}}
}

// FullName returns owner/name.
func (r *Repository) FullName() string { return r.Owner + "/" + r.Name }

// Main returns the SHA of the newest commit on the default branch; empty before the first.
func (r *Repository) Main() string { return r.main }

// Push commits to the default branch without a pull request, and returns the SHA.
func (r *Repository) Push(c Commit) string {
	r.main = r.commit(c, r.main)
	return r.main
}

// commit adds a commit with parents and returns its SHA. It ignores empty parents.
func (r *Repository) commit(c Commit, parents ...string) string {
	c.Parents = nil
	for _, p := range parents {
		if p != "" {
			c.Parents = append(c.Parents, p)
		}
	}
	if c.Committed.IsZero() {
		c.Committed = c.Written
	}
	text := fmt.Sprintf("%s %d %s %s %s %s", r.FullName(), len(r.commits), c.Author, c.Message, c.Written, strings.Join(c.Parents, " "))
	sum := sha1.Sum([]byte(text)) //nolint:gosec // likewise
	c.SHA = hex.EncodeToString(sum[:])
	r.bySHA[c.SHA] = len(r.commits)
	r.commits = append(r.commits, c)
	return c.SHA
}

// find returns a commit by its SHA.
func (r *Repository) find(sha string) (Commit, bool) {
	i, ok := r.bySHA[strings.ToLower(sha)]
	if !ok {
		return Commit{}, false
	}
	return r.commits[i], true
}

// history returns the SHAs of a commit and all its ancestors.
func (r *Repository) history(sha string) map[string]bool {
	found, todo := map[string]bool{}, []string{sha}
	for len(todo) > 0 {
		c, ok := r.find(todo[len(todo)-1])
		todo = todo[:len(todo)-1]
		if ok && !found[c.SHA] {
			found[c.SHA] = true
			todo = append(todo, c.Parents...)
		}
	}
	return found
}

// without returns the commits that head's history has and base's lacks, parents first.
func (r *Repository) without(base, head string) []Commit {
	before, after := r.history(base), r.history(head)
	var all []Commit
	for _, c := range r.commits {
		if after[c.SHA] && !before[c.SHA] {
			all = append(all, c)
		}
	}
	return all
}
