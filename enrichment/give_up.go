package enrichment

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"dora-exporter/dora"
)

// maxMissing limits how many answers that were given up are named.
const maxMissing = 10

// isMissing reports whether what a call asked for is not there, with the reason: GitHub does not have it, or fails to answer. The shipment
// goes on without it.
func (s *shipping) isMissing(err error) (reason string, missing bool) {
	if notFound := new(dora.NotFoundError); errors.As(err, &notFound) {
		return notFound.Reason, true
	}
	if s.goesOn(err) {
		return dora.ReasonNoAnswer, true
	}
	return "", false
}

// goesOn reports whether a call failed by itself, and remembers whether its answer is given up. If it is not, the shipment fails in the end,
// but goes on until then to find all such calls.
func (s *shipping) goesOn(err error) bool {
	var unanswered *dora.UnansweredError
	if !errors.As(err, &unanswered) {
		return false
	}
	text := err.Error()
	switch {
	case s.c.GiveUp == nil || !s.c.GiveUp(unanswered):
		s.unanswered = cmp.Or(s.unanswered, err)
	case len(s.missing) < maxMissing && !slices.Contains(s.missing, text):
		s.missing = append(s.missing, text)
	}
	return true
}

// isUnanswered reports whether a call failed by itself.
func isUnanswered(err error) bool {
	var unanswered *dora.UnansweredError
	return errors.As(err, &unanswered)
}

// partial returns the origin of a change of which GitHub failed to tell all. It is asked for again, and unavailable if not even a date is
// known.
func partial(o dora.Origin) dora.Origin {
	o.Partial = true
	if o.FirstCommit.IsZero() {
		o.Unavailable = dora.ReasonNoAnswer
	}
	return o
}

// incomplete returns the error of an answer that lacks something which GitHub has.
func incomplete(err error) error { return &dora.UnansweredError{Err: err, Call: err.Error()} }

// unansweredChange returns the change of a commit of which GitHub tells nothing.
func unansweredChange(c dora.Commit) dora.Change {
	return dora.Change{Origin: dora.Origin{Unavailable: dora.ReasonNoAnswer}, SHA: c.SHA}
}

// changeWithoutPulls returns the change that brought a commit as far as it can be determined while GitHub fails to list all of the commit's
// pull requests: that of p, which it did list, or of the one that the commit's message names and that was merged as the commit.
func (l *lookUp) changeWithoutPulls(ctx context.Context, c dora.Commit, p pull, why error) dora.Change {
	if !l.partial || !isUnanswered(why) {
		return unansweredChange(c)
	}
	if p.Number == 0 {
		found, err := l.commit(ctx, c)
		if err != nil {
			return unansweredChange(c)
		}
		if p, err = l.mergedReference(ctx, c, found.Commit.Message); err != nil || !p.broughtBy(c.SHA) {
			return unansweredChange(c)
		}
	}
	change, err := l.changeOfPull(ctx, c, p)
	if err != nil && !isUnanswered(err) || change.PullRequest == 0 {
		return unansweredChange(c)
	}
	change.Origin = partial(change.Origin)
	return change
}

// shipPart returns what a deployment ships as far as the pages of the comparison tell that GitHub has answered: their changes, and that
// of the deployed commit.
func (s *shipping) shipPart(ctx context.Context, compared comparison) (shipment dora.Shipment, err error) {
	s.isPart = true
	if err := s.findHead(ctx); err != nil {
		return dora.Shipment{}, err
	}
	shipment = dora.Shipment{Relation: dora.NoAnswer, Base: s.c.Base}
	shipment.Changes, shipment.Carriers, err = s.changesOfComparison(ctx, compared)
	return shipment, err
}
