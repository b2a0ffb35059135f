package enrichment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"dora-exporter/dora"
)

// Ship finds out what a deployment ships: the changes that its commit has and the previous deployment's has not. It takes one
// call for each 100 commits, and for each change that Known does not have one when a merge commit brought it and two
// otherwise; three when the commit's subject names a pull request that did not bring it. With paths it is one more for each change,
// unless the files of the comparison say that all changes belong or none does.
//
// The errors are those of Origin. A *dora.NotFoundError is about the deployed commit; another commit or pull request that
// GitHub does not have makes its change unavailable and nothing else.
func (g *GitHub) Ship(ctx context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	s := &shipping{
		lookUp: g.lookUp(), c: c, patterns: newPatterns(c.Paths),
		newOrigins: map[string]dora.Origin{}, pulls: map[int]pull{}, failedPulls: map[int]error{}, byPull: map[int]*change{},
	}
	defer s.answers.Release()
	shipment, err := s.ship(ctx)
	if err == nil {
		err = s.failedOnce
	}
	shipment.Calls, shipment.Missing = s.calls, s.missing
	if err != nil {
		return dora.Shipment{Calls: s.calls}, s.newOrigins, fmt.Errorf("what %s ships after %q: %w", c.Head.Key(), c.Base, err)
	}
	return shipment, s.newOrigins, nil
}

// shipping is one Ship that is under way.
type shipping struct {
	lookUp
	c          dora.Comparison
	patterns   patterns
	newOrigins map[string]dora.Origin
	// pulls are the answers about pull requests so far; the number is 0 in that of one that is not there.
	pulls       map[int]pull
	failedPulls map[int]error
	// changes are those found so far, newest first; byPull has those with a pull request.
	changes []*change
	byPull  map[int]*change
	// aside is set when the base is not on the line that the branch moved on: then it may be one of a pull request's commits.
	baseOffLine bool
	// missing are the answers that are given up; failedOnce is the error of one that failed for the first time, which is not.
	missing    []string
	failedOnce error
}

func (s *shipping) ship(ctx context.Context) (dora.Shipment, error) {
	if reason := s.unavailableReason(s.c.Head); reason != "" {
		change := dora.Change{Origin: dora.Origin{Unavailable: reason}, SHA: s.c.Head.SHA}
		return dora.Shipment{Relation: dora.First, Changes: []dora.Change{change}}, nil
	}
	if s.c.Base == "" {
		return s.shipHeadOnly(ctx, dora.First)
	}
	if strings.EqualFold(s.c.Base, s.c.Head.SHA) {
		return dora.Shipment{Relation: dora.Identical, Base: s.c.Base}, nil
	}
	base := s.c.Head
	base.SHA = s.c.Base
	if s.unavailableReason(base) != "" {
		return s.shipHeadOnly(ctx, dora.Gone)
	}
	compared, err := s.compare(ctx, s.c)
	reason, missing := s.isMissing(err)
	switch {
	case missing && reason == dora.ReasonNoAnswer:
		return s.shipPart(ctx, compared)
	case missing:
		return s.shipHeadOnly(ctx, dora.Gone)
	case err != nil:
		return dora.Shipment{}, err
	case compared.Status == dora.Diverged:
		return s.shipHeadOnly(ctx, dora.Diverged)
	case compared.Status != dora.Ahead:
		return dora.Shipment{Relation: compared.Status, Base: s.c.Base}, nil
	}
	changes, err := s.changesOfComparison(ctx, compared)
	return dora.Shipment{Relation: dora.Ahead, Base: s.c.Base, Changes: changes}, err
}

// own is the change of the deployed commit alone.
func (s *shipping) shipHeadOnly(ctx context.Context, relation dora.Relation) (dora.Shipment, error) {
	change, err := s.headChange(ctx)
	if err != nil && !s.isGivenUp(err) {
		return dora.Shipment{}, err
	}
	s.remember(s.c.Head.SHA, change.Origin)
	change.Origin = withoutCommits(change.Origin)
	shipment := dora.Shipment{Relation: relation, Base: s.c.Base, Changes: []dora.Change{change}}
	if len(s.patterns) != 0 {
		touches, err := s.touchesPaths(ctx, s.c, s.patterns, change)
		if err != nil && !s.isGivenUp(err) {
			return dora.Shipment{}, err
		}
		if !touches && err == nil {
			shipment.Changes = nil
		}
	}
	return shipment, nil
}

// headChange is the change of the deployed commit. With an *dora.UnansweredError it is what can be determined without the answer.
func (s *shipping) headChange(ctx context.Context) (dora.Change, error) {
	head := s.c.Head
	o, known := s.cachedOrigin(head.SHA)
	var err error
	switch {
	case !known:
		return s.change(ctx, head)
	case o.Complete:
	case o.PullRequest == 0:
		var found commit
		if found, err = s.commit(ctx, head); err == nil {
			o = completedByCommit(o, found)
		}
	default:
		var p pull
		p, err = s.pull(ctx, o.PullRequest)
		if err == nil && p.Number == 0 {
			return s.change(ctx, head)
		}
		if err == nil {
			o = s.completed(o, p)
		}
	}
	return dora.Change{Origin: o, SHA: head.SHA, Commits: s.pullCommitsOf(o).appendTo([]string{head.SHA})}, err
}

// changesOfComparison are the changes of a comparison, oldest first.
func (s *shipping) changesOfComparison(ctx context.Context, compared comparison) ([]dora.Change, error) {
	mixed := false
	if len(s.patterns) != 0 {
		matching, names := s.patterns.count(compared.Files)
		complete := len(compared.Files) < maxFiles
		if complete && matching == 0 {
			return nil, nil
		}
		mixed = !complete || matching < names
	}
	lines := newGraph(compared.Commits).lines()
	s.baseOffLine = !lines[0].startsAt(s.c.Base)
	for _, l := range lines {
		if err := s.findOnLine(ctx, l); err != nil {
			return nil, err
		}
	}
	var changes []dora.Change
	for _, change := range slices.Backward(s.changes) {
		changes = append(changes, change.Change)
	}
	if !mixed {
		return changes, nil
	}
	return s.selectChanges(ctx, changes)
}

// pull is a pull request by its number, asked for once; its number is 0 when it is not there.
func (s *shipping) pull(ctx context.Context, number int) (pull, error) {
	if p, known := s.pulls[number]; known {
		return p, s.failedPulls[number]
	}
	var p pull
	_, err := s.get(ctx, &p, "", routePull, s.c.Head.Owner, s.c.Head.Repository, strconv.Itoa(number))
	var missing *dora.NotFoundError
	switch err := notFound(err); {
	case errors.As(err, &missing):
		p = pull{}
	case err != nil:
		err = fmt.Errorf("pull request %d: %w", number, err)
		s.pulls[number], s.failedPulls[number] = pull{}, err
		return pull{}, err
	}
	if p.Number != 0 {
		p.Number = number
	}
	s.pulls[number] = p
	return p, nil
}
