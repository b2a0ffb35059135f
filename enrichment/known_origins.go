package enrichment

import (
	"context"

	"dora-exporter/dora"
)

// addKnownChange places the remembered change of the newest commit of a line as if it had just been found, and says how many of the
// line's commits belong to it.
func (s *shipping) addKnownChange(ctx context.Context, l line, o dora.Origin) (taken int, err error) {
	at, own := l[0], s.pullCommitsOf(o)
	switch {
	case len(own) == 0 || s.byPull[o.PullRequest] != nil:
		return 1, s.addToChanges(ctx, at, o)
	case !at.isMerge() || own.matcher()(at.commit):
		return s.addWithCommits(ctx, l, o, own)
	case !s.mayBePartlyDeployed(at):
		own = nil
	}
	s.addChange(at, o, own, at.hanging.commits())
	return 1, nil
}

// knownOrigin is what is known of a commit's change; what is missing is asked for. A pull request that was not merged then
// may be now.
func (s *shipping) knownOrigin(ctx context.Context, c commit) (dora.Origin, bool, error) {
	o, known := s.cachedOrigin(c.SHA)
	if !known || o.Complete {
		return o, known && (o.PullRequest == 0 || !o.Merged.IsZero()), nil
	}
	if o.PullRequest == 0 {
		o = completedByCommit(o, c)
	} else {
		p, err := s.pull(ctx, o.PullRequest)
		if s.isGivenUp(err) {
			return o, true, nil
		}
		if err != nil {
			return dora.Origin{}, false, err
		}
		if !p.merged() {
			return dora.Origin{}, false, nil
		}
		o = s.completed(o, p)
	}
	s.remember(c.SHA, o)
	return o, true, nil
}

// known is what is remembered of the change that brought a commit. That the commit was not there is not believed, since it is,
// and what GitHub failed to answer is asked for again.
func (s *shipping) cachedOrigin(sha string) (dora.Origin, bool) {
	if s.c.Known == nil {
		return dora.Origin{}, false
	}
	o, known := s.c.Known(sha)
	if o.Unavailable == dora.ReasonNotFound || o.Unavailable == dora.ReasonUnprocessed || o.Unavailable == dora.ReasonNoAnswer {
		return dora.Origin{}, false
	}
	return o, known
}

// remember keeps what is new for the next look-up.
func (s *shipping) remember(sha string, o dora.Origin) {
	if known, has := s.cachedOrigin(sha); has && known.Complete && known.Merged.Equal(o.Merged) || !o.Complete {
		return
	}
	s.newOrigins[sha] = o
}

// completed is a remembered origin with what its pull request says.
func (s *shipping) completed(o dora.Origin, p pull) dora.Origin {
	completed := p.origin(s.c.Head, nil)
	completed.FirstCommit, completed.Unavailable = o.FirstCommit, o.Unavailable
	return completed
}

// completedByCommit is a remembered origin without a pull request, with what the commit says.
func completedByCommit(o dora.Origin, c commit) dora.Origin {
	completed := changeOfCommit(c).Origin
	completed.FirstCommit, completed.Unavailable = o.FirstCommit, o.Unavailable
	return completed
}
