package enrichment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// maxPullCommits is how many commits of a pull request GitHub lists at most.
// https://docs.github.com/en/rest/pulls/pulls#list-commits-on-a-pull-request
const maxPullCommits = 250

// pullCommits are a pull request's own commits as they are remembered.
type pullCommits []dora.PullCommit

// pullCommits returns what is kept of a pull request's commits.
func (c commits) pullCommits() (all pullCommits) {
	seen := make(map[string]bool, len(c))
	for _, listed := range c {
		if listed.SHA != "" && !seen[listed.SHA] {
			seen[listed.SHA] = true
			all = append(all, listed.pullCommit())
		}
	}
	return all
}

func (c commit) pullCommit() dora.PullCommit {
	return dora.PullCommit{SHA: c.SHA, Work: c.workHash(), CommitDates: c.dates(), Named: reference(c.Commit.Message)}
}

// workHash returns a hash of the author date and the message, which a rebase leaves as they are; empty without a date.
func (c commit) workHash() string {
	if c.Commit == nil || c.authorDate().IsZero() {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s", c.authorDate().Unix(), strings.TrimSpace(c.Commit.Message)))
	return hex.EncodeToString(sum[:8])
}

// has reports whether a commit is one of these as it is.
func (p pullCommits) has(sha string) bool {
	return slices.ContainsFunc(p, func(listed dora.PullCommit) bool { return strings.EqualFold(listed.SHA, sha) })
}

// matcher returns a function that reports whether a commit is one of these, as it is or rebased. A commit that was made before its
// pull request was opened is not a rebased one of it: the branch was used before.
func (p pullCommits) matcher(opened time.Time) func(commit) bool {
	bySHA, byWork := make(map[string]bool, len(p)), make(map[string]bool, len(p))
	for _, listed := range p {
		bySHA[listed.SHA] = true
		byWork[listed.Work] = true
	}
	delete(byWork, "")
	return func(listed commit) bool {
		if bySHA[listed.SHA] {
			return true
		}
		made := listed.dates().Committed
		return byWork[listed.workHash()] && (made.IsZero() || !made.Before(opened))
	}
}

// countOn returns how many commits of a line, from the newest on, are these.
func (p pullCommits) countOn(l line, opened time.Time) (n int) {
	belongs := p.matcher(opened)
	for n < len(l) && belongs(l[n].commit) {
		n++
	}
	return n
}

func (p pullCommits) shas() (all []string) {
	for _, listed := range p {
		all = append(all, listed.SHA)
	}
	return all
}

func (p pullCommits) dates() (all []dora.CommitDates) {
	for _, listed := range p {
		all = append(all, listed.CommitDates)
	}
	return all
}

// in selects the commits that are among others, as they are or rebased.
func (p pullCommits) in(others pullCommits) (selected pullCommits) {
	present := make(map[string]bool, 2*len(others))
	for _, other := range others {
		present[other.SHA], present[other.Work] = true, true
	}
	delete(present, "")
	for _, listed := range p {
		if present[listed.SHA] || present[listed.Work] {
			selected = append(selected, listed)
		}
	}
	return selected
}

// upTo selects the commits up to one of them, none if it is not one. GitHub lists parents before their children.
func (p pullCommits) upTo(sha string) pullCommits {
	at := slices.IndexFunc(p, func(listed dora.PullCommit) bool { return strings.EqualFold(listed.SHA, sha) })
	return p[:at+1]
}

// pullCommitsOf returns the commits of a pull request as far as they are remembered.
func (s *shipping) pullCommitsOf(o dora.Origin) pullCommits {
	if o.PullCommitsOf == "" {
		return o.PullCommits
	}
	with, known := s.newOrigins[o.PullCommitsOf]
	if !known {
		with, _ = s.cachedOrigin(o.PullCommitsOf)
	}
	if with.PullRequest != o.PullRequest {
		return nil
	}
	return with.PullCommits
}

// sharedOrigin returns an origin as it is kept for another commit of the same pull request. The rows of one that was rebased would
// grow with the square of its commits if each had them all.
func sharedOrigin(sha string, o dora.Origin) dora.Origin {
	if len(o.PullCommits) > 0 {
		o.PullCommits, o.PullCommitsOf = nil, sha
	}
	return o
}

// withoutCommits returns an origin as it is in a shipment: without what only finding changes needs.
func withoutCommits(o dora.Origin) dora.Origin {
	o.PullCommits, o.PullCommitsOf, o.Dates = nil, "", nil
	o.MergeCommit, o.Head, o.BackMerge, o.Fork = "", "", false, false
	return o
}
