package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// PullRequest is a pull request into the default branch.
type PullRequest struct {
	// Number is set by Open if it is 0: to the next number of the repository.
	Number int
	// Author is a login, Branch the name of the head branch.
	Author, Branch string
	Title, Body    string
	Labels         []string
	Opened         time.Time

	// merged is when it was merged, result the commit that brought it to the default branch; zero while it is open.
	merged time.Time
	result string
	// work has the SHAs of its commits, rebased those of the commits that a rebase made of them.
	work, rebased []string
}

// Method is how a pull request is merged into the default branch.
// https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/incorporating-changes-from-a-pull-request/about-pull-request-merges
type Method int

// The methods.
const (
	Merge  Method = iota // a merge commit
	Squash               // one commit for all
	Rebase               // each commit once more, on top of the default branch
)

// Open opens a pull request with commits on top of a commit; from the newest one of the default branch if from is empty. It returns
// the pull request and the SHA of its last commit.
func (r *Repository) Open(p PullRequest, from string, work ...Commit) (*PullRequest, string) {
	if p.Number == 0 {
		p.Number = len(r.pulls) + 1
	}
	tip := from
	if tip == "" {
		tip = r.main
	}
	for _, c := range work {
		if c.Author == "" {
			c.Author = p.Author
		}
		tip = r.commit(c, tip)
		p.work = append(p.work, tip)
	}
	r.pulls[p.Number] = &p
	return &p, tip
}

// Merge merges a pull request and returns the new SHA of the default branch.
func (r *Repository) Merge(p *PullRequest, how Method, at time.Time) string {
	switch how {
	case Merge:
		subject := fmt.Sprintf("Merge pull request #%d from %s/%s\n\n%s", p.Number, r.Owner, p.Branch, p.Title)
		r.main = r.commit(Commit{Author: p.Author, Message: subject, Written: at}, r.main, p.work[len(p.work)-1])
	case Squash:
		message := fmt.Sprintf("%s (#%d)\n\n%s", p.Title, p.Number, p.Body)
		r.main = r.commit(Commit{Author: p.Author, Message: strings.TrimSpace(message), Written: at, Files: r.files(p)}, r.main)
	case Rebase:
		for _, sha := range p.work {
			c, _ := r.find(sha)
			c.Committed = at
			r.main = r.commit(c, r.main)
			p.rebased = append(p.rebased, r.main)
		}
	}
	p.merged, p.result = at, r.main
	return r.main
}

// files returns the files that a pull request touches.
func (r *Repository) files(p *PullRequest) []string {
	var all []string
	for _, sha := range p.work {
		c, _ := r.find(sha)
		all = append(all, c.Files...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// pullsOf returns the pull requests that have or brought a commit.
func (r *Repository) pullsOf(sha string) []*PullRequest {
	var all []*PullRequest
	for number := range len(r.pulls) {
		p := r.pulls[number+1]
		if p != nil && (p.result == sha || slices.Contains(p.work, sha) || slices.Contains(p.rebased, sha)) {
			all = append(all, p)
		}
	}
	return all
}
