package enrichment

import (
	"context"
	"fmt"
	"slices"

	"dora-exporter/dora"
)

// line finds the changes of a line, the newest first: among the commits of a pull request that was rebased, GitHub gives the
// newest one's as the commit that brought it, and the others are recognised without a call.
func (s *shipping) findOnLine(ctx context.Context, l line) error {
	for len(l) > 0 {
		taken, err := s.findNewest(ctx, l)
		if err != nil {
			return err
		}
		l = l[taken:]
	}
	return nil
}

// findMerged finds the changes that a merge brought which is no change itself: somebody pulled, or merged a branch by hand.
func (s *shipping) findMerged(ctx context.Context, hanging graph) error {
	for _, l := range hanging.lines() {
		if err := s.findOnLine(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// findNewest finds the change of the newest commit of a line, and says how many of the line's commits belong to it.
func (s *shipping) findNewest(ctx context.Context, l line) (taken int, err error) {
	at := l[0]
	o, known, err := s.knownOrigin(ctx, at.commit)
	if err != nil {
		return 0, err
	}
	if known {
		return s.addKnownChange(ctx, l, o)
	}
	p, err := s.pullOf(ctx, at.commit)
	reason, missing := s.isMissing(err)
	if missing && p.Number == 0 {
		s.addChange(at, dora.Origin{Author: at.Author.Login, Unavailable: reason}, nil, at.hanging.commits())
		return 1, nil
	}
	if err != nil && !missing {
		return 0, fmt.Errorf("pull requests of commit %s: %w", at.SHA, err)
	}
	switch same := s.byPull[p.Number]; {
	case p.Number == 0:
		o = changeOfCommit(at.commit).Origin
	case same != nil:
		o = same.shared
	case at.isMerge() && p.mergedAs(at.commit):
		return 1, s.addMergedPull(ctx, at, p)
	default:
		return s.addListedPull(ctx, l, p)
	}
	s.remember(at.SHA, o)
	return 1, s.addToChanges(ctx, at, o)
}

// place puts the change of a commit among the others. What a merge brought belongs to its pull request; without one, or when the
// merge is itself a part of the pull request, it is other changes.
func (s *shipping) addToChanges(ctx context.Context, at link, o dora.Origin) error {
	same := s.byPull[o.PullRequest]
	if same == nil && (o.PullRequest != 0 || !at.isMerge()) {
		s.addChange(at, o, nil, at.hanging.commits())
		return nil
	}
	if same != nil {
		same.join(at.commit)
	}
	return s.findMerged(ctx, at.hanging)
}

// pullOf is the pull request that brought a commit, by the commit's subject when it tells; its number is 0 without one.
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
		if named, err = s.pull(ctx, number); err != nil {
			if !s.isGivenUp(err) {
				return pull{}, err
			}
			unanswered = err
		}
		if named.merged() && (named.MergeCommitSHA == "" || named.broughtBy(c.SHA)) {
			return named, nil
		}
	}
	p, err := s.pullOfCommit(ctx, s.c.Head.At(c.SHA))
	switch {
	case p.Number != 0:
		s.pulls[p.Number] = p
		delete(s.failedPulls, p.Number)
		return p, err
	case err == nil && named.merged(): // a cherry-pick: the duration takes it too
		return named, nil
	case err == nil:
		return pull{}, unanswered
	}
	return pull{}, err
}

// addMergedPull finds the change of a pull request that a merge commit brought. Its commits hang off the merge, unless some were
// deployed before: then they are asked for.
func (s *shipping) addMergedPull(ctx context.Context, at link, p pull) error {
	hanging := at.hanging.commits()
	own, part := hanging, false
	if s.mayBePartlyDeployed(at) {
		all, reason, err := s.commitsOfPull(ctx, p)
		if err != nil {
			return err
		}
		if len(all) == 0 && reason != "" {
			s.addChange(at, s.unavailableOrigin(p, reason), nil, hanging)
			return nil
		}
		own, part = slices.Concat(all, hanging), reason != ""
	}
	o := s.origin(p, own, at.commit)
	listed := o.PullCommits
	if part {
		o = partial(o)
	}
	s.remember(at.SHA, o)
	s.addChange(at, o, listed, hanging)
	return nil
}

// mayBePartlyDeployed reports whether some of what a merge brought may have been deployed before.
func (s *shipping) mayBePartlyDeployed(at link) bool {
	return len(at.hanging) == 0 || s.baseOffLine && (at.hanging.hasChildOf(s.c.Base) || at.hasParent(s.c.Base))
}

// addListedPull finds the change of a pull request whose commits GitHub has to list: it was squashed or rebased, or is not merged.
func (s *shipping) addListedPull(ctx context.Context, l line, p pull) (taken int, err error) {
	all, reason, err := s.commitsOfPull(ctx, p)
	if err != nil {
		return 0, err
	}
	if len(all) == 0 && reason != "" {
		s.addChange(l[0], s.unavailableOrigin(p, reason), nil, nil)
		return 1, s.findMerged(ctx, l[0].hanging)
	}
	o := s.origin(p, all, l[0].commit)
	listed := o.PullCommits
	if reason != "" {
		o = partial(o)
	}
	s.remember(l[0].SHA, o)
	return s.addWithCommits(ctx, l, o, listed)
}

// commitsOfPull are the commits of a pull request. If all or the last of them are missing, reason says why.
func (s *shipping) commitsOfPull(ctx context.Context, p pull) (all commits, reason string, err error) {
	all, err = s.pullCommits(ctx, s.c.Head, p.Number)
	if err == nil {
		return all, "", nil
	}
	err = fmt.Errorf("commits of pull request %d: %w", p.Number, err)
	if reason, missing := s.isMissing(err); missing {
		return all, reason, nil
	}
	return nil, "", err
}

// take takes the change of a pull request with its own commits from a line. When the newest commit is one of them so are
// those that follow, as far as they are listed.
func (s *shipping) addWithCommits(ctx context.Context, l line, o dora.Origin, own pullCommits) (taken int, err error) {
	change := s.addChange(l[0], o, own, nil)
	taken = 1
	if belongs := own.matcher(); belongs(l[0].commit) {
		for ; taken < len(l) && belongs(l[taken].commit); taken++ {
			change.join(l[taken].commit)
			s.remember(l[taken].SHA, change.shared)
		}
	}
	for _, at := range l[:taken] {
		if err := s.findMerged(ctx, at.hanging.without(own)); err != nil {
			return 0, err
		}
	}
	return taken, nil
}
