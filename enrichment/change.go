package enrichment

import (
	"slices"
	"strings"

	"dora-exporter/dora"
	"dora-exporter/internal/lazyregexp"
)

// origin returns the origin of a change by its pull request, without its commits.
func (p pull) origin(c dora.Commit) dora.Origin {
	o := dora.Origin{
		PullRequest: p.Number,
		Opened:      p.CreatedAt.Time,
		Merged:      p.MergedAt.Time,
		Author:      p.User.Login,
		Title:       cut(p.Title),
		Branch:      p.Head.Ref,
		Head:        p.Head.SHA,
		BackMerge:   p.isBackMerge(),
		Fork:        !p.isFromBase(),
		Reverts:     appendNew(reverted(c, p.Title+"\n"+p.Body, true), p.revertedByButton()...),
	}
	if p.merged() {
		o.MergeCommit = p.MergeCommitSHA
	}
	for _, label := range p.Labels {
		o.PullLabels = append(o.PullLabels, label.Name)
	}
	addRevertedTitle(&o)
	return o
}

// addCommits adds to an origin what the commits of its pull request say, which are in the repository of a commit.
func addCommits(o *dora.Origin, c dora.Commit, own commits) {
	o.PullCommits = own.pullCommits()
	o.PullCommits = o.PullCommits[:min(len(o.PullCommits), maxPullCommits)]
	o.Reverts = appendNew(o.Reverts, own.reverts(c, o.PullRequest)...)
	o.SetDates(own.dates())
}

// changeOfCommit returns the change of a commit that was pushed to the repository of another one without a pull request.
func changeOfCommit(of dora.Commit, c commit) dora.Change {
	subject, _, _ := strings.Cut(c.Commit.Message, "\n")
	o := dora.Origin{Author: c.Author.Login, Title: cut(strings.TrimSpace(subject)), Reverts: commits{c}.reverts(of, 0)}
	addRevertedTitle(&o)
	o.SetDates([]dora.CommitDates{c.dates()})
	return dora.Change{Origin: o, SHA: c.SHA, Commits: []string{c.SHA}}
}

var (
	// GitHub writes "Reverts owner/repo#n" into the body of a pull request that its Revert button makes; people write it with a
	// reason around it, with the URL of the pull request, as a link, or with emphasis.
	revertsPull = lazyregexp.New(`(?i)(?:^|[^a-z0-9])reverts[*_:\s\[<]+(?:([a-z0-9._-]+/[a-z0-9._-]+)?#|https?://[^\s/]+/(?:[^\s/]+/)*?([a-z0-9._-]+/[a-z0-9._-]+)/pull/)([1-9][0-9]{0,8})\b`)
	// revertTitle and revertBranch are those of a pull request that the Revert button makes. Its body may be emptied.
	revertTitle  = lazyregexp.New(`(?i)^revert (".+")`)
	revertBranch = lazyregexp.New(`^revert-([1-9][0-9]{0,8})-`)
	// quotedTitle is a line with the title of a change that is reverted or applied again.
	quotedTitle = lazyregexp.New(`(?im)^[\s*-]*(?:revert|reapply) ".*"`)
	// git revert writes this into the message; people put the SHA into a link, code or emphasis.
	revertsCommit = lazyregexp.New("(?i)\\bthis reverts commit[*_:\\s\\[`]+([0-9a-f]{7,40})\\b")
)

// reverted returns what a text says it reverts: pull requests as #n if they are of the commit's repository, else as owner/repository#n,
// which may be a former name of it, and the SHAs of commits, which may be abbreviated. Without bare, a number alone does
// not count, nor does what the title says of a change that a line takes back or applies again.
func reverted(c dora.Commit, text string, bare bool) (all []string) {
	text = quotedTitle.ReplaceAllString(text, "")
	for _, m := range revertsPull.FindAllStringSubmatch(text, -1) {
		repository := m[1] + m[2]
		if repository == "" && !bare {
			continue
		}
		if strings.EqualFold(repository, c.Owner+"/"+c.Repository) {
			repository = ""
		}
		all = appendNew(all, repository+"#"+m[3])
	}
	for _, m := range revertsCommit.FindAllStringSubmatch(text, -1) {
		all = appendNew(all, strings.ToLower(m[1]))
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

// addRevertedTitle adds the title that a change says it reverts if nothing else says what that is.
func addRevertedTitle(o *dora.Origin) {
	if m := revertTitle.FindStringSubmatch(o.Title); m != nil && !slices.ContainsFunc(o.Reverts, isOwn) {
		o.Reverts = appendNew(o.Reverts, m[1])
	}
}

// cut limits a title, as it is stored.
func cut(title string) string { return strings.ToValidUTF8(title[:min(len(title), maxName)], "") }

// reverts returns what the messages of commits of a pull request, or of none, say they revert, which are in the repository of another one.
// If the subject names another pull request, numbers may be those of the repository that the commit comes from.
func (all commits) reverts(c dora.Commit, pull int) (reverts []string) {
	for _, commit := range all {
		if commit.Commit == nil {
			continue
		}
		named := reference(commit.Commit.Message)
		reverts = appendNew(reverts, reverted(c, commit.Commit.Message, named == 0 || named == pull)...)
	}
	return reverts
}

// appendCommits appends the SHAs of commits that are not in all yet.
func appendCommits(all []string, more commits) []string {
	return appendNames(all, more.pullCommits().shas()...)
}

// appendNames appends the names that are not in all yet.
func appendNames(all []string, more ...string) []string {
	seen := make(map[string]bool, len(all)+len(more))
	for _, sha := range all {
		seen[sha] = true
	}
	for _, sha := range more {
		if !seen[sha] {
			seen[sha] = true
			all = append(all, sha)
		}
	}
	return all
}

// maxReverts limits the reverts stored with a change, since anybody can write the text that names them.
const maxReverts = 100

// appendNew appends the texts that are not in all yet.
func appendNew(all []string, more ...string) []string {
	for _, text := range more {
		if len(all) < maxReverts && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}
