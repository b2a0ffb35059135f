package enrichment

import "dora-exporter/dora"

// cachedOrigin returns what is remembered of the change that brought a commit; false if nothing is, or if it says that the commit was
// not there, which it is, or that GitHub failed to answer. Each commit is read once.
func (s *shipping) cachedOrigin(sha string) (dora.Origin, bool) {
	if s.c.Known == nil {
		return dora.Origin{}, false
	}
	o, read := s.knownOrigins[sha]
	if !read {
		o.Origin, o.known = s.c.Known(sha)
		if o.Unavailable == dora.ReasonNotFound || o.Unavailable == dora.ReasonUnprocessed || isUnfinished(o.Origin) {
			o = knownOrigin{}
		}
		s.knownOrigins[sha] = o
	}
	return o.Origin, o.known
}

// knownOrigin is what Comparison.Known returned.
type knownOrigin struct {
	dora.Origin

	known bool
}

// remember keeps an origin for the next look-up, unless it depends on other deployments or lacks an answer of GitHub. What is known
// already changes only when an open pull request is merged.
func (s *shipping) remember(sha string, o dora.Origin) {
	if s.dependent[sha] || isUnfinished(o) {
		return
	}
	known, has := s.cachedOrigin(sha)
	if !has || known.PullRequest != 0 && known.Merged.IsZero() && !o.Merged.IsZero() {
		s.newOrigins[sha] = o
	}
}

// isUnfinished reports whether an origin lacks an answer that GitHub failed to give.
func isUnfinished(o dora.Origin) bool { return o.Partial || o.Unavailable == dora.ReasonNoAnswer }
