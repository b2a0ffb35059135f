package enrichment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// maxPullCommits is how many commits of a pull request GitHub lists at most.
// https://docs.github.com/en/rest/pulls/pulls#list-commits-on-a-pull-request
const maxPullCommits = 250

// pullCommits are a pull request's own commits as they are remembered.
type pullCommits []dora.PullCommit

// pullCommits is what is kept of a pull request's commits.
func (c commits) pullCommits() (all pullCommits) {
	seen := make(map[string]bool, len(c))
	for _, listed := range c {
		if listed.SHA != "" && !seen[listed.SHA] && len(all) < maxPullCommits {
			seen[listed.SHA] = true
			all = append(all, dora.PullCommit{SHA: listed.SHA, Work: listed.workHash()})
		}
	}
	return all
}

// workHash is a hash of the author date and the message, which a rebase leaves as they are; empty without a date.
func (c commit) workHash() string {
	if c.authorDate().IsZero() {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s", c.authorDate().Unix(), strings.TrimSpace(c.Commit.Message)))
	return hex.EncodeToString(sum[:8])
}

// matcher reports whether a commit is one of these, as it is or rebased.
func (p pullCommits) matcher() func(commit) bool {
	bySHA, byWork := make(map[string]bool, len(p)), make(map[string]bool, len(p))
	for _, listed := range p {
		bySHA[listed.SHA] = true
		byWork[listed.Work] = true
	}
	delete(byWork, "")
	return func(listed commit) bool { return bySHA[listed.SHA] || byWork[listed.workHash()] }
}

// appendTo adds the SHAs to those of a change.
func (p pullCommits) appendTo(shas []string) []string {
	all := make(commits, 0, len(p))
	for _, listed := range p {
		all = append(all, commit{SHA: listed.SHA})
	}
	return appendCommits(shas, all)
}

// pullCommitsOf are those of a remembered pull request; none when it was remembered by a version that did not keep them.
func (s *shipping) pullCommitsOf(o dora.Origin) pullCommits {
	if o.PullCommitsOf == "" {
		return o.PullCommits
	}
	with, _ := s.cachedOrigin(o.PullCommitsOf)
	if with.PullRequest != o.PullRequest {
		return nil
	}
	return with.PullCommits
}

// sharedOrigin is an origin as it is kept for another commit of the same pull request. The rows of one that was rebased would
// grow with the square of its commits if each had them all.
func sharedOrigin(sha string, o dora.Origin) dora.Origin {
	if len(o.PullCommits) > 0 {
		o.PullCommits, o.PullCommitsOf = nil, sha
	}
	return o
}

// withoutCommits is an origin as it is in a shipment, which has the commits of its changes itself.
func withoutCommits(o dora.Origin) dora.Origin {
	o.PullCommits, o.PullCommitsOf = nil, ""
	return o
}
