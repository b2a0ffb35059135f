package enrichment

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// attribute returns the origin of the change that brought a commit: of a pull request, or of the commit itself. What is not
// remembered lacks the commits of its pull request (ownCommits).
func (s *shipping) attribute(ctx context.Context, c commit) (dora.Origin, error) {
	o, known := s.cachedOrigin(c.SHA)
	if known && o.PullRequest == 0 {
		return o, nil
	}
	if known && !o.Merged.IsZero() {
		claimed, err := s.claims(ctx, c.SHA, o)
		if err != nil || claimed {
			return o, err
		}
	}
	p, err := s.pullOf(ctx, c)
	switch {
	case err != nil && (p.Number == 0 || !s.goesOn(err)):
		return dora.Origin{}, err
	case p.Number == 0:
		return changeOfCommit(s.c.Head, c).Origin, nil
	}
	o = p.origin(s.c.Head)
	o.Partial = err != nil
	return o, nil
}

// pullOf returns the pull request that brought a commit, by the commit's subject when it tells; its number is 0 without one.
func (s *shipping) pullOf(ctx context.Context, c commit) (pull, error) {
	if head := s.c.Head; head.Pull != 0 && c.SHA == head.SHA {
		if p, err := s.pull(ctx, head.Pull); err != nil || p.Number != 0 {
			return p, err
		}
	}
	var named pull
	var unanswered error
	if number := reference(c.Commit.Message); number != 0 {
		var err error
		if named, err = s.pull(ctx, number); err != nil && !s.goesOn(err) || named.broughtBy(c.SHA) {
			return named, err
		}
		unanswered = err
	}
	p, err := s.pullOfCommit(ctx, s.c.Head.At(c.SHA), func(p pull) (bool, error) { return s.claims(ctx, c.SHA, p.origin(s.c.Head)) })
	if p.Number != 0 {
		s.pulls[p.Number] = p
		delete(s.failedPulls, p.Number)
	}
	if err != nil || p.Number != 0 {
		return p, err
	}
	if unanswered != nil {
		return pull{}, unanswered
	}
	if fits, err := s.fits(ctx, s.c.Head, named, c); err != nil || !fits {
		return pull{}, err
	}
	return named, nil
}

// claims reports whether a commit that GitHub names a pull request for belongs to it, unless the pull request merely takes its
// branch to another one: the branch is the default branch, or something was deployed from it that is not the pull request's own.
// The latter depends on other deployments, so that what follows from it is not remembered.
func (s *shipping) claims(ctx context.Context, sha string, o dora.Origin) (bool, error) {
	switch {
	case o.MergeCommit != "" && strings.EqualFold(o.MergeCommit, sha), sha == s.c.Head.SHA && o.PullRequest == s.c.Head.Pull:
		return true, nil
	case o.BackMerge:
		return false, nil
	}
	deployed, err := s.isDeployedBranch(ctx, o)
	if deployed {
		s.dependent[sha] = true
	}
	return !deployed && err == nil, err
}

// pull returns a pull request by its number, and asks for it once; the number is 0 if it is not there.
func (s *shipping) pull(ctx context.Context, number int) (pull, error) {
	if p, known := s.pulls[number]; known {
		return p, s.failedPulls[number]
	}
	p, err := s.pullWithNumber(ctx, s.c.Head, number)
	if missing := new(dora.NotFoundError); errors.As(err, &missing) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("pull request %d: %w", number, err)
		s.failedPulls[number] = err
	}
	s.pulls[number] = p
	return p, err
}

// ownCommits returns the commits of a pull request that GitHub lists, and adds to its origin what they say, unless they are
// remembered. If answers are given up, those that are listed before one count.
func (s *shipping) ownCommits(ctx context.Context, o *dora.Origin) (pullCommits, error) {
	if own := s.pullCommitsOf(*o); len(own) > 0 {
		return own, nil
	}
	all, err := s.pullCommits(ctx, s.c.Head, o.PullRequest)
	if err != nil {
		err = fmt.Errorf("commits of pull request %d: %w", o.PullRequest, err)
		if len(all) == 0 || !s.goesOn(err) {
			return nil, err
		}
		o.Partial = true
	}
	addCommits(o, s.c.Head, all)
	return all.pullCommits(), nil
}
