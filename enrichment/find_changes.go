package enrichment

import (
	"context"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// findOnLine finds the changes of a line, the newest first: among the commits of a pull request that was rebased, GitHub gives the
// newest one's as the commit that brought it, and the others are recognised without a call.
func (s *shipping) findOnLine(ctx context.Context, l line) error {
	before := s.baseOffLine
	s.baseOffLine = !l.startsAt(s.c.Base)
	defer func() { s.baseOffLine = before }()
	for len(l) > 0 {
		taken, err := s.findNewest(ctx, l)
		if err != nil {
			return err
		}
		l = l[taken:]
	}
	return nil
}

// findIn finds the changes among commits: those of a comparison, or what a merge brought that is no change itself since somebody
// pulled, or merged a branch by hand.
func (s *shipping) findIn(ctx context.Context, g graph) error {
	for _, l := range g.lines() {
		if err := s.findOnLine(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// findNewest finds the change of the newest commit of a line, and returns how many of the line's commits belong to it.
func (s *shipping) findNewest(ctx context.Context, l line) (taken int, err error) {
	at := l[0]
	o, err := s.attribute(ctx, at.commit)
	if reason, missing := s.isMissing(err); missing {
		s.addChange(at, dora.Origin{Author: at.Author.Login, Unavailable: reason}, at.hanging.commits().pullCommits())
		return 1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("pull requests of commit %s: %w", at.SHA, err)
	}
	if s.byPull[o.PullRequest] == nil && o.PullRequest != 0 {
		leaveOut, err := s.hasBeenShipped(ctx, o)
		if err != nil {
			return 0, err
		}
		if leaveOut {
			s.byPull[o.PullRequest] = &change{} // its other commits are left out, too
			return s.leaveOutPull(ctx, l, o)
		}
	}
	switch {
	case o.PullRequest == 0 || s.byPull[o.PullRequest] != nil:
		return 1, s.addToChanges(ctx, at, o)
	case mergedAs(o, at.commit):
		return 1, s.addMergedPull(ctx, at, o)
	}
	return s.addListedPull(ctx, l, o)
}

// leaveOutPull leaves out the commits of a pull request on a line, and finds what merges among them brought. GitHub may not name the pull request
// for the commits that it made by a rebase, but for the last.
func (s *shipping) leaveOutPull(ctx context.Context, l line, o dora.Origin) (taken int, err error) {
	taken = 1
	isRebased := strings.EqualFold(o.MergeCommit, l[0].SHA) && !l[0].isMerge() && reference(l[0].Commit.Message) != o.PullRequest
	if isRebased && len(l) > 1 {
		own, err := s.ownCommits(ctx, &o)
		if _, missing := s.isMissing(err); err != nil && !missing {
			return 0, err
		}
		taken = max(taken, own.countOn(l, o.Opened))
	}
	for _, at := range l[:taken] {
		if err := s.addToChanges(ctx, at, o); err != nil {
			return 0, err
		}
	}
	return taken, nil
}

// addToChanges adds a commit that was pushed without a pull request, or joins it to the change of its pull request. A merge that
// belongs to no pull request is no change; what it brought are changes.
func (s *shipping) addToChanges(ctx context.Context, at link, o dora.Origin) error {
	same := s.byPull[o.PullRequest]
	if o.PullRequest == 0 {
		same = s.carrier
	}
	switch {
	case same != nil:
		same.join(at.commit)
		if o.PullRequest != 0 {
			o = same.shared
		}
		if same.PullRequest == 0 {
			return s.findIn(ctx, at.hanging) // left out
		}
	case !at.isMerge():
		s.addChange(at, o, pullCommits{at.pullCommit()})
	}
	s.remember(at.SHA, o)
	return s.findIn(ctx, at.hanging)
}

// addMergedPull finds the change of a pull request that a merge commit brought. Its commits hang off the merge, unless some were
// deployed before: then they are asked for, and those that hang off the merge are new.
func (s *shipping) addMergedPull(ctx context.Context, at link, o dora.Origin) error {
	hanging := at.hanging.commits()
	left := hanging.pullCommits()
	own := left
	if s.leaveOut || s.mayBePartlyDeployed(at) {
		listed, err := s.ownCommits(ctx, &o)
		if reason, missing := s.isMissing(err); missing {
			o.Unavailable = reason
			s.addChange(at, o, left)
			return nil
		}
		if err != nil {
			return err
		}
		own = listed
	} else if len(s.pullCommitsOf(o)) == 0 {
		addCommits(&o, s.c.Head, hanging)
		s.setDates(&o, hanging, at.commit)
	}
	s.remember(at.SHA, o)
	carries, err := s.carries(ctx, o, own)
	if err != nil {
		return err
	}
	back := o.BackMerge
	if !back {
		if back, err = s.isDeployedBranch(ctx, o); err != nil {
			return err
		}
	}
	if carries || back {
		return s.addCarrier(ctx, at, o, at.hanging, carries && !back)
	}
	c := s.addChange(at, o, left)
	c.Commits = appendNames(c.Commits, own.shas()...)
	return nil
}

// mayBePartlyDeployed reports whether some of what a merge brought may have been deployed before: the base may have commits of any
// branch that is merged on a line on which the base does not lie itself.
func (s *shipping) mayBePartlyDeployed(at link) bool {
	return len(at.hanging) == 0 || s.baseOffLine
}

// addListedPull finds the change of a pull request whose commits GitHub has to list: it was squashed or rebased, or is not merged.
func (s *shipping) addListedPull(ctx context.Context, l line, o dora.Origin) (taken int, err error) {
	own, err := s.ownCommits(ctx, &o)
	if reason, missing := s.isMissing(err); missing {
		o.Unavailable = reason
		s.addChange(l[0], o, nil)
		return 1, s.findIn(ctx, l[0].hanging)
	}
	if err != nil {
		return 0, err
	}
	if o.Unavailable == dora.ReasonNoDate {
		s.setDates(&o, nil, l[0].commit)
	}
	s.remember(l[0].SHA, o)
	carries, err := s.carries(ctx, o, own)
	if err != nil {
		return 0, err
	}
	along, err := s.takesAlong(ctx, o, own)
	if err != nil {
		return 0, err
	}
	if carries || along {
		return s.addListedCarrier(ctx, l, o, own, carries && !along)
	}
	return s.addWithCommits(ctx, l, o, own)
}

// addWithCommits adds the change of a pull request with its own commits from a line. When the newest commit is one of them so are
// those that follow, as far as they are listed.
func (s *shipping) addWithCommits(ctx context.Context, l line, o dora.Origin, own pullCommits) (taken int, err error) {
	taken = own.countOn(l, o.Opened)
	change := s.addChange(l[0], o, own)
	switch isTestMerge := l[0].SHA == s.c.Head.SHA && o.PullRequest == s.c.Head.Pull; {
	case s.compared != nil && (taken > 0 || isTestMerge):
		change.own = own.in(s.compared) // what was deployed before is not the start, nor is what is not deployed yet
	case own.has(l[0].SHA): // a rebased one is not: its pull request is merged, with all its commits
		change.own = own.upTo(l[0].SHA)
	}
	taken = max(taken, 1)
	for _, at := range l[1:taken] {
		change.join(at.commit)
		if !own.has(at.SHA) { // GitHub may name another pull request for a commit of its branch
			s.remember(at.SHA, change.shared)
		}
	}
	for _, at := range l[:taken] {
		if err := s.findIn(ctx, at.hanging.without(own)); err != nil {
			return 0, err
		}
	}
	return taken, nil
}
