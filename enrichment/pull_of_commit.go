package enrichment

import (
	"context"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"dora-exporter/dora"
)

// pullOfCommit is the pull request that brought the commit; its number is 0 when there is none. With an *dora.UnansweredError it is the
// one of the pages before.
func (l *lookUp) pullOfCommit(ctx context.Context, c dora.Commit) (pull, error) {
	var all pulls
	home := repository{fullName: c.Owner + "/" + c.Repository}
	for at := 1; at != 0; {
		var listed pulls
		p, err := l.get(ctx, &listed, pageQuery(at), routeCommitPulls, c.Owner, c.Repository, c.SHA)
		if isUnanswered(err) {
			return bestPull(all, c, home), err
		}
		if err != nil {
			return pull{}, notFound(err)
		}
		if p.moved != nil {
			home = movedTo(p.moved)
		}
		all = append(all, listed...)
		at = p.nextAfter(at)
	}
	return bestPull(all, c, home), nil
}

// bestPull returns which of the pull requests of a repository brought a commit; its number is 0 when none did.
func bestPull(all pulls, c dora.Commit, home repository) (best pull) {
	for _, p := range all {
		if pullRank(p, c) > 0 && home.has(p) && (best.Number == 0 || isBetterPull(p, best, c)) {
			best = p
		}
	}
	return best
}

// pullRank is how surely a pull request brought the commit; 0 when it did not.
func pullRank(p pull, c dora.Commit) int {
	switch {
	case p.merged() && p.broughtBy(c.SHA):
		return 3
	case p.merged():
		return 2
	case p.State == "open" && !c.OnDefaultBranch:
		return 1
	}
	return 0
}

// broughtBy reports whether a commit is the one that GitHub made of the pull request when it merged it.
func (p pull) broughtBy(sha string) bool { return strings.EqualFold(p.MergeCommitSHA, sha) }

// mergedAs reports whether a merge commit merged the pull request. One that was pushed by hand has its own newest commit as the one
// that brought it, which may be a merge of something else.
func (p pull) mergedAs(merge commit) bool {
	brought := p.broughtBy(merge.SHA) || reference(merge.Commit.Message) == p.Number
	return p.merged() && brought && !strings.EqualFold(p.Head.SHA, merge.SHA)
}

// isBetterPull reports whether p is to be taken before q: the surer one, the one that was merged earlier, the lower number.
func isBetterPull(p, q pull, c dora.Commit) bool {
	if a, b := pullRank(p, c), pullRank(q, c); a != b {
		return a > b
	}
	if !p.MergedAt.Equal(q.MergedAt.Time) {
		return p.MergedAt.Before(q.MergedAt.Time)
	}
	return p.Number < q.Number
}

// repository is what is known of the repository that was asked. GitHub also lists pull requests of its forks, or of what
// it was forked from.
type repository struct {
	fullName string
	id       int64
}

// has reports whether a pull request is one of this repository's.
func (r repository) has(p pull) bool {
	if p.Base.Repo == nil || p.Base.Repo.FullName == "" || r == (repository{}) {
		return true
	}
	return strings.EqualFold(p.Base.Repo.FullName, r.fullName) || r.id != 0 && p.Base.Repo.ID == r.id
}

var (
	movedToID   = regexp.MustCompile(`/repositories/(\d+)/commits/[^/]+/pulls$`)
	movedToName = regexp.MustCompile(`/repos/([^/]+/[^/]+)/commits/[^/]+/pulls$`)
)

// movedTo is the repository that GitHub redirects to, since a renamed one has another name in its pull requests; its zero
// value when the URL doesn't say.
func movedTo(u *url.URL) repository {
	if m := movedToID.FindStringSubmatch(u.Path); m != nil {
		id, _ := strconv.ParseInt(m[1], 10, 64)
		return repository{id: id}
	}
	if m := movedToName.FindStringSubmatch(u.Path); m != nil {
		return repository{fullName: m[1]}
	}
	return repository{}
}

var (
	squashed = regexp.MustCompile(`\(#([1-9][0-9]{0,8})\)$`)
	merged   = regexp.MustCompile(`^Merge pull request #([1-9][0-9]{0,8})\b`)
)

// reference is the number of the pull request that the subject of a commit's message names in the way in which GitHub
// itself does it when it squashes or merges one; 0 without. A mention elsewhere says nothing about where the commit came from.
func reference(message string) int {
	subject, _, _ := strings.Cut(message, "\n")
	subject = strings.TrimRight(subject, " \t\r")
	for _, form := range []*regexp.Regexp{squashed, merged} {
		if m := form.FindStringSubmatch(subject); m != nil {
			number, _ := strconv.Atoi(m[1])
			return number
		}
	}
	return 0
}
