package enrichment

import (
	"regexp"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// origin is what a pull request and its commits say about a change, but for its first commit.
func (p pull) origin(c dora.Commit, own commits) dora.Origin {
	o := dora.Origin{
		PullRequest: p.Number,
		Opened:      p.CreatedAt.Time,
		Merged:      p.MergedAt.Time,
		Author:      p.User.Login,
		Branch:      p.Head.Ref,
		Reverts:     appendNew(revertedPulls(c, p.Body), p.revertedByButton()...),
		PullCommits: own.remember(),
		Complete:    true,
	}
	for _, label := range p.Labels {
		o.PullLabels = append(o.PullLabels, label.Name)
	}
	o.Reverts = appendNew(o.Reverts, revertedCommits(p.Body)...)
	o.Reverts = appendNew(o.Reverts, own.reverts()...)
	return o
}

// changeOfCommit is the change of a commit that was pushed without a pull request.
func changeOfCommit(c commit) dora.Change {
	o := dora.Origin{
		FirstCommit: c.authorDate(),
		Author:      c.Author.Login,
		Reverts:     revertedCommits(c.Commit.Message),
		Complete:    true,
	}
	if o.FirstCommit.IsZero() {
		o.Unavailable = dora.ReasonNoDate
	}
	return dora.Change{Origin: o, SHA: c.SHA, Commits: []string{c.SHA}}
}

// origin is that of a pull request with its own commits, and the commit that brought it.
func (s *shipping) origin(p pull, own commits, at commit) dora.Origin {
	o := p.origin(s.c.Head, own)
	if o.FirstCommit = own.first(); o.FirstCommit.IsZero() {
		o.FirstCommit = at.authorDate()
	}
	if o.FirstCommit.IsZero() {
		o.Unavailable = dora.ReasonNoDate
	}
	return o
}

// unavailable is the origin of a pull request whose commits GitHub does not have. It is not kept: they may be there later.
func (s *shipping) unavailable(p pull, reason string) dora.Origin {
	o := p.origin(s.c.Head, nil)
	o.Unavailable, o.Complete = reason, false
	return o
}

// add adds a change that the commit brought. What the messages at hand say it reverts is in the change, remembered or not.
func (s *shipping) add(at link, o dora.Origin, listed pullCommits, hanging commits) *change {
	c := &change{dora.Change{Origin: shipped(o), SHA: at.SHA}, sharedWith(at.SHA, o)}
	c.Reverts = appendNew(o.Reverts[:len(o.Reverts):len(o.Reverts)], append(hanging[:len(hanging):len(hanging)], at.commit).reverts()...)
	c.Commits = appendCommits(listed.appendTo([]string{at.SHA}), hanging)
	s.changes = append(s.changes, c)
	if o.PullRequest != 0 {
		s.byPull[o.PullRequest] = c
	}
	return c
}

// change is one that is found; more of its commits may be.
type change struct {
	dora.Change
	// shared is what is remembered of its further commits.
	shared dora.Origin
}

func (c *change) join(one commit) { c.Commits = appendCommits(c.Commits, commits{one}) }

var (
	// GitHub writes "Reverts owner/repo#n" into the body of a pull request that its Revert button makes; people write it with a
	// reason around it, with the URL of the pull request, or with emphasis.
	revertsPull = regexp.MustCompile(`(?i)(?:^|[^a-z0-9])reverts[*_:\s]+(?:([a-z0-9._-]+/[a-z0-9._-]+)?#|https?://[^\s/]+/(?:[^\s/]+/)*?([a-z0-9._-]+/[a-z0-9._-]+)/pull/)([1-9][0-9]{0,8})\b`)
	// revertTitle and revertBranch are those of a pull request that the Revert button makes. Its body may be emptied.
	revertTitle  = regexp.MustCompile(`(?i)^revert ".+"`)
	revertBranch = regexp.MustCompile(`^revert-([1-9][0-9]{0,8})-`)
	// git revert writes this into the message.
	revertsCommit = regexp.MustCompile(`(?i)\bthis reverts commit\s+([0-9a-f]{7,40})\b`)
)

// revertedPulls are the pull requests of the commit's repository that a body says it takes back, as #n.
func revertedPulls(c dora.Commit, body string) (all []string) {
	for _, m := range revertsPull.FindAllStringSubmatch(body, -1) {
		if repository := m[1] + m[2]; repository == "" || strings.EqualFold(repository, c.Owner+"/"+c.Repository) {
			all = appendNew(all, "#"+m[3])
		}
	}
	return all
}

// revertedByButton returns the pull request that one made by GitHub's Revert button takes back, as #n.
func (p pull) revertedByButton() []string {
	if m := revertBranch.FindStringSubmatch(p.Head.Ref); m != nil && revertTitle.MatchString(p.Title) {
		return []string{"#" + m[1]}
	}
	return nil
}

// revertedCommits are the SHAs of the commits that a text says it takes back; they may be abbreviated.
func revertedCommits(text string) (all []string) {
	for _, m := range revertsCommit.FindAllStringSubmatch(text, -1) {
		all = appendNew(all, strings.ToLower(m[1]))
	}
	return all
}

func (c commits) reverts() (all []string) {
	for _, one := range c {
		all = appendNew(all, revertedCommits(one.Commit.Message)...)
	}
	return all
}

// appendCommits adds the SHAs of commits.
func appendCommits(all []string, more commits) []string {
	seen := make(map[string]bool, len(all)+len(more))
	for _, sha := range all {
		seen[sha] = true
	}
	for _, one := range more {
		if one.SHA != "" && !seen[one.SHA] {
			seen[one.SHA] = true
			all = append(all, one.SHA)
		}
	}
	return all
}

// maxReverts bounds what a text that anybody can write makes the store keep of a change.
const maxReverts = 100

// appendNew adds those that are not there yet.
func appendNew(all []string, more ...string) []string {
	for _, one := range more {
		if len(all) < maxReverts && !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}
