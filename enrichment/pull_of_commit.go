package enrichment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
	"dora-exporter/internal/lazyregexp"
)

// pullOfCommit returns the pull request that brought the commit; its number is 0 when there is none. A pull request other than that
// which GitHub merged as this commit must claim it. With a *dora.UnansweredError it is the one of the pages before.
func (l *lookUp) pullOfCommit(ctx context.Context, c dora.Commit, claims func(pull) (bool, error)) (pull, error) {
	home := repository{fullName: c.Owner + "/" + c.Repository}
	all, known := l.archive.pullsOf(c.SHA)
	if len(all) > 0 || known { // open ones don't count beside one that was merged and claims the commit
		found, err := claimingPull(all, c, home, claims)
		if err != nil || found.Number != 0 || known {
			return found, err
		}
	}
	all = nil
	for at := 1; at != 0; {
		var listed pulls
		p, err := l.get(ctx, &listed, pageQuery(at), routeCommitPulls, c.Owner, c.Repository, c.SHA)
		if isUnanswered(err) {
			found, _ := claimingPull(all, c, home, claims)
			return found, err
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
	return claimingPull(all, c, home, claims)
}

// claimingPull returns which of the pull requests of a repository brought a commit; its number is 0 if none did.
func claimingPull(all pulls, c dora.Commit, home repository, claims func(pull) (bool, error)) (pull, error) {
	all = slices.DeleteFunc(all, func(p pull) bool { return pullRank(p, c) == 0 || !home.has(p) })
	slices.SortFunc(all, func(p, q pull) int { return comparePulls(p, q, c) })
	for _, p := range all {
		claimed := p.broughtBy(c.SHA)
		if !claimed {
			var err error
			if claimed, err = claims(p); err != nil {
				return pull{}, err
			}
		}
		if claimed {
			return p, nil
		}
	}
	return pull{}, nil
}

// pullRank returns how surely a pull request brought the commit; 0 if it did not.
func pullRank(p pull, c dora.Commit) int {
	switch {
	case p.broughtBy(c.SHA):
		return 3
	case p.merged():
		return 2
	case p.State == "open" && !c.OnDefaultBranch:
		return 1
	}
	return 0
}

// broughtBy reports whether a commit is the one that GitHub made of the pull request when it merged it.
func (p pull) broughtBy(sha string) bool {
	return p.merged() && strings.EqualFold(p.MergeCommitSHA, sha)
}

// isFromBase reports whether the pull request's branch is one of the repository that it goes to.
func (p pull) isFromBase() bool {
	from, to := p.Head.Repo, p.Base.Repo
	return from != nil && to != nil && (from.ID != 0 && from.ID == to.ID || strings.EqualFold(from.FullName, to.FullName))
}

// isBackMerge reports whether the pull request takes the default branch to another one of the repository.
func (p pull) isBackMerge() bool {
	return p.isFromBase() && p.Head.Ref != "" && p.Head.Ref == p.Base.Repo.DefaultBranch && p.Head.Ref != p.Base.Ref
}

// mergedAs reports whether a merge commit merged a pull request. One that was pushed by hand has its own newest commit as the one
// that brought it, which may be a merge of something else.
func mergedAs(o dora.Origin, c commit) bool {
	brought := strings.EqualFold(o.MergeCommit, c.SHA) || reference(c.Commit.Message) == o.PullRequest
	return len(c.Parents) > 1 && !o.Merged.IsZero() && brought && !strings.EqualFold(o.Head, c.SHA)
}

// maxPickDelay is how far the author date of the commit that GitHub makes may be from the time of the merge.
const maxPickDelay = 5 * time.Second

// fits reports whether a merged pull request brought a commit whose subject names it: the commit is among the pull request's own,
// as it is or rebased, or is a copy of the commit that GitHub made when it merged it, which keeps the author date.
func (l *lookUp) fits(ctx context.Context, c dora.Commit, p pull, found commit) (bool, error) {
	if !p.merged() || p.broughtBy(found.SHA) {
		return p.merged(), nil
	}
	if delay := found.authorDate().Sub(p.MergedAt.Time); -maxPickDelay <= delay && delay <= maxPickDelay {
		return true, nil
	}
	own, err := l.pullCommits(ctx, c, p.Number)
	var missing *dora.NotFoundError
	if errors.As(err, &missing) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("commits of pull request %d: %w", p.Number, err)
	}
	return own.pullCommits().matcher(time.Time{})(found), nil
}

// comparePulls orders pull requests: the surer one first, then the one that was merged earlier, then the lower number.
func comparePulls(p, q pull, c dora.Commit) int {
	return cmp.Or(cmp.Compare(pullRank(q, c), pullRank(p, c)), p.MergedAt.Compare(q.MergedAt.Time), cmp.Compare(p.Number, q.Number))
}

// repository describes the repository that was asked. GitHub also lists pull requests of its forks, or of what
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
	movedToID   = lazyregexp.New(`/repositories/(\d+)/commits/[^/]+/pulls$`)
	movedToName = lazyregexp.New(`/repos/([^/]+/[^/]+)/commits/[^/]+/pulls$`)
)

// movedTo returns the repository that GitHub redirects to, since a renamed one has another name in its pull requests; its zero
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
	squashed = lazyregexp.New(`\(#([1-9][0-9]{0,8})\)$`)
	merged   = lazyregexp.New(`^Merge pull request #([1-9][0-9]{0,8})\b`)
)

// reference returns the number of the pull request that the subject of a commit's message names in the way in which GitHub
// itself does it when it squashes or merges one; 0 without. A mention elsewhere says nothing about where the commit came from.
func reference(message string) int {
	subject, _, _ := strings.Cut(message, "\n")
	subject = strings.TrimRight(subject, " \t\r")
	for _, form := range []*lazyregexp.Regexp{squashed, merged} {
		if m := form.FindStringSubmatch(subject); m != nil {
			number, _ := strconv.Atoi(m[1])
			return number
		}
	}
	return 0
}
