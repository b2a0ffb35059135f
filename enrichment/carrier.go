package enrichment

import (
	"context"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// A carrier is a pull request that brings other pull requests, such as one that releases what was merged to another branch. Each of
// them is a change. The carrier is one only if it has commits beside them and their merges.

// carries reports whether the merge commit of another pull request is among a pull request's own commits. A commit whose subject
// names no pull request is not asked for.
func (s *shipping) carries(ctx context.Context, o dora.Origin, own pullCommits) (bool, error) {
	for _, listed := range slices.Backward(own) {
		if listed.Named == 0 || listed.Named == o.PullRequest {
			continue
		}
		if inner, known := s.cachedOrigin(listed.SHA); known && inner.PullRequest == listed.Named && strings.EqualFold(inner.MergeCommit, listed.SHA) {
			return true, nil
		}
		p, err := s.pull(ctx, listed.Named)
		if err != nil && s.goesOn(err) {
			continue
		}
		if err != nil || p.broughtBy(listed.SHA) {
			return err == nil, err
		}
	}
	return false, nil
}

// addCarrier adds a pull request that is a change only with commits of its own, and finds what it brought among g. With owner, a
// commit of g that no other pull request brought is its own, else that is a change.
func (s *shipping) addCarrier(ctx context.Context, at link, o dora.Origin, g graph, owner bool) error {
	c := s.addChange(at, o, nil)
	c.carrier = true
	outer := s.carrier
	defer func() { s.carrier = outer }()
	s.carrier = nil
	if owner {
		s.carrier = c
	}
	return s.findIn(ctx, g)
}

// addListedCarrier finds what a carrier brought that was squashed or rebased, among its commits, and returns how many commits of a line
// belong to it. With owner, a commit that no other pull request brought is its own, else that is a change. Squashed over and over, it has
// all of its branch every time, so that what an earlier deployment shipped is left out. If it is not merged, its commits lie on the line
// themselves.
func (s *shipping) addListedCarrier(ctx context.Context, l line, o dora.Origin, own pullCommits, owner bool) (taken int, err error) {
	if own.has(l[0].SHA) {
		c := s.addChange(l[0], o, nil)
		c.carrier = true
		for _, listed := range own {
			if strings.EqualFold(listed.SHA, l[0].SHA) {
				c.own = append(c.own, listed)
			}
		}
		return 1, s.findIn(ctx, l[0].hanging)
	}
	all, err := s.carried(ctx, o)
	if err != nil {
		return 0, err
	}
	left, err := s.withoutShipped(ctx, all)
	if err != nil {
		return 0, err
	}
	leaveOut, compared := s.leaveOut, s.compared
	s.leaveOut, s.compared = true, left.pullCommits()
	defer func() { s.leaveOut, s.compared = leaveOut, compared }()
	taken = max(own.countOn(l, o.Opened), 1)
	if err := s.addCarrier(ctx, l[0], o, newGraph(left), owner); err != nil {
		return 0, err
	}
	for _, at := range l[1:taken] {
		s.byPull[o.PullRequest].addName(at.SHA)
		s.remember(at.SHA, s.byPull[o.PullRequest].shared)
	}
	for _, at := range l[:taken] {
		if err := s.findIn(ctx, at.hanging.without(own)); err != nil {
			return 0, err
		}
	}
	return taken, nil
}

// carried returns the commits of a carrier. GitHub lists the oldest 250 of a pull request; a comparison of its branch has all since the
// branch was released last, as far as that is known. What came back to it from the deployed line is not the carrier's.
func (s *shipping) carried(ctx context.Context, o dora.Origin) (commits, error) {
	all, err := s.pullCommits(ctx, s.c.Head, o.PullRequest)
	if err != nil && !s.goesOn(err) {
		return nil, err
	}
	if len(all) < maxPullCommits || s.c.Base == "" || o.Head == "" {
		return all, nil
	}
	since := s.c.Base
	if last, known := s.cachedOrigin(since); known && !last.Fork && last.Branch == o.Branch && last.Head != "" {
		since = last.Head
	}
	compared, err := s.compare(ctx, dora.Comparison{Head: s.c.Head.At(o.Head), Base: since})
	if _, missing := s.isMissing(err); missing {
		return all, nil
	}
	if len(compared.Commits) > 0 {
		all = slices.DeleteFunc(slices.Clone(compared.Commits), func(c commit) bool { return s.compared.has(c.SHA) })
	}
	return all, err
}
