package enrichment

import "dora-exporter/dora"

// cachedOrigin is what is remembered of the change that brought a commit. That the commit was not there is not believed, since it is,
// and what GitHub failed to answer is asked for again.
func (s *shipping) cachedOrigin(sha string) (dora.Origin, bool) {
	if s.c.Known == nil {
		return dora.Origin{}, false
	}
	o, known := s.c.Known(sha)
	switch o.Unavailable {
	case dora.ReasonNotFound, dora.ReasonUnprocessed, dora.ReasonNoAnswer:
		return dora.Origin{}, false
	}
	if o.Partial {
		return dora.Origin{}, false
	}
	return o, known
}

// remember keeps what is new for the next look-up, unless it depends on other deployments or on answers that GitHub failed to give. Of what is known, only that a pull request
// is open changes.
func (s *shipping) remember(sha string, o dora.Origin) {
	known, has := s.cachedOrigin(sha)
	if s.dependent[sha] || o.Partial || o.Unavailable == dora.ReasonNoAnswer || has && (known.PullRequest == 0 || !known.Merged.IsZero() || o.Merged.IsZero()) {
		return
	}
	s.newOrigins[sha] = o
}
