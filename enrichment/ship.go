package enrichment

import (
	"context"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// Ship returns what a deployment ships: the changes that its commit has and the previous deployment's has not. It takes one
// call for each 100 commits, and for each change that Known does not have one when a merge commit brought it and two
// otherwise. More calls are needed
//
//   - if the commit's subject names a pull request that did not bring it: one, and one for the commits of a merged one;
//   - for each commit of a carrier that no subject ascribes to a pull request: one;
//   - for the deployed commit of the first deployment, if all commits of its pull request belong to earlier changes: one;
//   - for a commit that has diverged, if a merged pull request is not known to have been shipped: one for each 100 commits of the
//     previous deployment since the merge base, and those of the pull request if its number is among them;
//   - for a carrier of 250 commits or more: one for each 100 since the last release of its branch;
//   - for a pull request that a merge commit brought: one, unless it was merged to the line on which both commits lie;
//   - for a pull request from whose branch commits were deployed that are not its own: one for each, three at most;
//   - with paths, for each change: one, unless the files of the comparison say that all changes belong or none does.
//
// The errors are those of Origin. A *dora.NotFoundError is about the deployed commit; another commit or pull request that
// GitHub does not have makes its change unavailable and nothing else.
func (g *GitHub) Ship(ctx context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	if c.Past == nil {
		c.Past = noPast{}
	}
	s := &shipping{
		lookUp: g.lookUp(ctx, c.Head), c: c, patterns: newPatterns(c.Paths),
		newOrigins: map[string]dora.Origin{}, knownOrigins: map[string]knownOrigin{}, dependent: map[string]bool{}, pulls: map[int]pull{}, failedPulls: map[int]error{},
		byPull: map[int]*change{}, deployedBranches: map[int]bool{},
	}
	defer s.answers.Release()
	s.partial = true // it goes on, to find all calls that fail
	shipment, err := s.ship(ctx)
	if err == nil {
		err = s.unanswered
	}
	shipment.Calls, shipment.Missing = s.calls, s.missing
	if err != nil {
		return dora.Shipment{Calls: s.calls}, s.newOrigins, fmt.Errorf("what %s ships after %q: %w", c.Head.Key(), c.Base, err)
	}
	return shipment, s.newOrigins, nil
}

// shipping is a call of Ship in progress.
type shipping struct {
	lookUp
	c          dora.Comparison
	patterns   patterns
	newOrigins map[string]dora.Origin
	// knownOrigins has what was remembered of commits, those that nothing is of too.
	knownOrigins map[string]knownOrigin
	// deployedBranches has the results of isDeployedBranch by pull request.
	deployedBranches map[int]bool
	// dependent has the commits whose change depends on other deployments.
	dependent map[string]bool
	// pulls are the answers about pull requests so far, with the number 0 if one is not there; failedPulls has the errors of the calls
	// that failed.
	pulls       map[int]pull
	failedPulls map[int]error
	// changes are those found so far, newest first; byPull has those with a pull request, and those that are left out.
	changes []*change
	byPull  map[int]*change
	// compared has the commits of the comparison that no earlier deployment had; nil without a comparison, or if isPart is true: GitHub
	// failed to list all.
	compared pullCommits
	isPart   bool
	// carrier is the change of the commits that no pull request claims; nil if each is a change.
	carrier *change
	// leaveOut is set while changes that the scope had before are left out.
	leaveOut bool
	diverged bool
	// onBase has what the previous deployment has and the deployed commit has not, by the pull request that a subject names; nil before it
	// is asked for.
	onBase map[int]commits
	// baseOffLine is set while changes are found on a line that does not begin at the base: then the base may be one of a pull
	// request's commits.
	baseOffLine bool
	// missing are the answers that are given up; unanswered is the error of the first call that failed and is not.
	missing    []string
	unanswered error
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
	case missing && reason != dora.ReasonNoAnswer:
		return s.shipHeadOnly(ctx, dora.Gone)
	case missing && len(compared.Commits) == 0:
		return s.shipHeadOnly(ctx, dora.NoAnswer)
	case missing:
		return s.shipPart(ctx, compared)
	case err != nil:
		return dora.Shipment{}, err
	case compared.Status != dora.Ahead && compared.Status != dora.Diverged:
		return dora.Shipment{Relation: compared.Status, Base: s.c.Base}, nil
	}
	shipment := dora.Shipment{Relation: compared.Status, Base: s.c.Base}
	shipment.Changes, shipment.Carriers, err = s.changesOfComparison(ctx, compared)
	return shipment, err
}

// shipHeadOnly returns the change of the deployed commit alone.
func (s *shipping) shipHeadOnly(ctx context.Context, relation dora.Relation) (dora.Shipment, error) {
	if err := s.findHead(ctx); err != nil {
		return dora.Shipment{}, err
	}
	shipment := dora.Shipment{Relation: relation, Base: s.c.Base}
	var err error
	if shipment.Changes, shipment.Carriers, err = s.ended(ctx); err == nil && len(s.patterns) != 0 {
		shipment.Changes, err = s.selectChanges(ctx, shipment.Changes)
	}
	return shipment, err
}

// findHead finds the change of the deployed commit, of which nothing but its SHA is known.
func (s *shipping) findHead(ctx context.Context) error {
	at := link{node: &node{commit: commit{SHA: s.c.Head.SHA}}}
	o, known := s.cachedOrigin(at.SHA)
	if !known || o.PullRequest != 0 && o.Merged.IsZero() {
		found, err := s.change(ctx, s.c.Head)
		if err != nil && !s.goesOn(err) {
			return err
		}
		o = found.Origin
	}
	if o.PullRequest != 0 {
		claimed, err := s.claims(ctx, at.SHA, o)
		if err != nil {
			return err
		}
		if claimed {
			_, err := s.addListedPull(ctx, line{at}, o)
			return err
		}
		found, err := s.commit(ctx, s.c.Head)
		switch {
		case err == nil:
			at.commit = found
			o = changeOfCommit(s.c.Head, found).Origin
		case s.goesOn(err):
			o = unansweredChange(s.c.Head).Origin
		default:
			return err
		}
	}
	s.remember(at.SHA, o)
	s.addChange(at, o, pullCommits{{SHA: at.SHA}})
	return nil
}

// changesOfComparison returns the changes of a comparison, oldest first, and the carriers.
func (s *shipping) changesOfComparison(ctx context.Context, compared comparison) (changes, carriers []dora.Change, err error) {
	mixed := false
	if len(s.patterns) != 0 {
		matching, names := s.patterns.count(compared.Files)
		complete := len(compared.Files) < maxFiles
		if complete && matching == 0 {
			return nil, nil, nil
		}
		mixed = !complete || matching < names
	}
	if s.diverged = compared.Status == dora.Diverged; s.diverged {
		s.leaveOut = true
		if compared.Commits, err = s.withoutShipped(ctx, compared.Commits); err != nil {
			return nil, nil, err
		}
	}
	if !s.isPart {
		s.compared = compared.Commits.pullCommits()
	}
	if err := s.findIn(ctx, newGraph(compared.Commits)); err != nil {
		return nil, nil, err
	}
	if changes, carriers, err = s.ended(ctx); err != nil || !mixed {
		return changes, carriers, err
	}
	changes, err = s.selectChanges(ctx, changes)
	return changes, carriers, err
}
