package enrichment

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"dora-exporter/dora"
)

// change is a change that was found; further commits of it may follow.
type change struct {
	dora.Change
	// shared is the origin that is cached for its further commits.
	shared dora.Origin
	// own are the commits that it may have begun with; at is the commit that brought it.
	own pullCommits
	at  commit
	// carrier is true if it is a change only with commits of its own.
	carrier bool
}

// join adds a further commit.
func (c *change) join(found commit) {
	c.addName(found.SHA)
	if c.carrier && len(found.Parents) < 2 {
		c.own = append(c.own, found.pullCommit())
	}
}

func (c *change) addName(sha string) { c.Commits = appendNames(c.Commits, sha) }

// addChange adds the change that a commit brought, with its own commits.
func (s *shipping) addChange(at link, o dora.Origin, own pullCommits) *change {
	c := &change{dora.Change{Origin: withoutCommits(o), SHA: at.SHA}, sharedOrigin(at.SHA, o), own, at.commit, false}
	c.Reverts = appendNew(o.Reverts[:len(o.Reverts):len(o.Reverts)], commits{at.commit}.reverts(s.c.Head, o.PullRequest)...)
	c.Commits = appendNames([]string{at.SHA}, own.shas()...)
	s.changes = append(s.changes, c)
	if o.PullRequest != 0 {
		s.byPull[o.PullRequest] = c
	}
	return c
}

// setDates sets the dates of an origin to those of commits, or of the commit that brought it if none of them has any.
func (s *shipping) setDates(o *dora.Origin, own commits, at commit) {
	if o.SetDates(own.dates()); o.Unavailable == dora.ReasonNoDate && at.Commit != nil {
		o.SetDates([]dora.CommitDates{at.dates()})
	}
}

// ended returns the changes that were found and the carriers that are none, oldest first, when all commits of each are known.
func (s *shipping) ended(ctx context.Context) (changes, carriers []dora.Change, err error) {
	shipped, err := s.shippedBefore(ctx)
	if err != nil {
		return nil, nil, err
	}
	first := map[string]string{} // the name of the first change with a commit
	for i := len(s.changes) - 1; i >= 0; i-- {
		c := s.changes[i]
		left := notOfEarlier(c, first, shipped)
		if c.Reverts, err = s.ownReverts(ctx, c.Change); err != nil {
			return nil, nil, err
		}
		for _, sha := range c.Commits {
			if first[sha] == "" {
				first[sha] = c.Name()
			}
		}
		brings := true
		if len(left) == 0 && c.PullRequest != 0 && c.knowsCommits() {
			if left, brings, err = s.brings(ctx, c, first); err != nil {
				return nil, nil, err
			}
		}
		if !brings {
			c.FirstCommit = time.Time{}
			carriers = append(carriers, c.Change)
			continue
		}
		if err := s.begin(ctx, c, left); err != nil {
			return nil, nil, err
		}
		changes = append(changes, c.Change)
	}
	return changes, carriers, nil
}

// shippedBefore returns, by commit, the first change of an earlier deployment that had it.
func (s *shipping) shippedBefore(ctx context.Context) (map[string]string, error) {
	var shas []string
	for _, c := range s.changes {
		shas = append(shas, c.own.shas()...)
	}
	return s.c.Past.FirstChanges(ctx, shas)
}

// notOfEarlier selects the commits of a change that no earlier one had: those that it may have begun with. first has the change of a commit
// among those of the same shipment, shipped among those of earlier ones.
func notOfEarlier(c *change, first, shipped map[string]string) (left pullCommits) {
	for _, listed := range c.own {
		if name := cmp.Or(first[listed.SHA], shipped[listed.SHA]); name == "" || name == c.Name() {
			left = append(left, listed)
		}
	}
	return left
}

// brings reports whether a pull request is a change although no commit of it is new to the repository. One that brought others, or takes a
// branch to another one, is a change by the commits that the scope did not have and no other change of the shipment has, and begins with
// these. first has the change of a commit among those of the same shipment.
func (s *shipping) brings(ctx context.Context, c *change, first map[string]string) (left pullCommits, brings bool, err error) {
	switch {
	case c.shared.BackMerge:
		return nil, false, nil
	case !c.carrier && s.diverged && len(c.own) > 0:
		missing, err := s.notInScope(ctx, c.own)
		return nil, len(missing) > 0, err
	}
	takes := c.carrier
	if !takes {
		takes, err = s.isDeployedBranch(ctx, c.shared)
	}
	if err != nil || !takes {
		return nil, true, err
	}
	others := func(listed dora.PullCommit) bool { return first[listed.SHA] != "" && first[listed.SHA] != c.Name() }
	left, err = s.notInScope(ctx, slices.DeleteFunc(slices.Clone(c.own), others))
	return left, len(left) > 0, err
}

// notInScope selects the commits that the scope did not have before. Another one may have had them, by other names.
func (s *shipping) notInScope(ctx context.Context, all pullCommits) (left pullCommits, err error) {
	for _, listed := range all {
		had, err := s.c.Past.Shipped(ctx, listed.SHA)
		if err != nil {
			return nil, err
		}
		if !had {
			left = append(left, listed)
		}
	}
	return left, nil
}

// knowsCommits reports whether no answer about its commits is missing, whatever their dates.
func (c *change) knowsCommits() bool {
	return c.Unavailable == "" || c.Unavailable == dora.ReasonImplausible
}

// begin sets when a change began: with the first of the commits that are left, else with the commit that brought it.
func (s *shipping) begin(ctx context.Context, c *change, left pullCommits) error {
	if !c.knowsCommits() {
		return nil
	}
	if c.PullRequest == 0 && c.at.Commit == nil {
		c.FirstCommit, c.Unavailable = c.shared.First(s.c.At)
		return nil
	}
	dates := left.dates()
	if _, reason := dora.FirstCommit(dates, s.c.At); reason == dora.ReasonNoDate {
		brought, err := s.broughtAs(ctx, c)
		if reason, missing := s.isMissing(err); missing {
			c.FirstCommit, c.Unavailable = time.Time{}, reason
			return nil
		}
		if err != nil {
			return fmt.Errorf("the commit that brought pull request %d: %w", c.PullRequest, err)
		}
		dates = []dora.CommitDates{brought.dates()}
	}
	c.FirstCommit, c.Unavailable = dora.FirstCommit(dates, s.c.At)
	return nil
}

// broughtAs returns the commit that brought a change. Without a comparison nothing but its SHA is known yet. When it was merged does not
// tell its author date: a rebase keeps that of the work.
func (s *shipping) broughtAs(ctx context.Context, c *change) (commit, error) {
	if c.at.Commit != nil {
		return c.at, nil
	}
	return s.commit(ctx, s.c.Head.At(c.SHA))
}
