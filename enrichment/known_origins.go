package enrichment

import "dora-exporter/dora"

// cachedOrigin is what is remembered of the change that brought a commit. That the commit was not there is not believed, since it is.
func (s *shipping) cachedOrigin(sha string) (dora.Origin, bool) {
	if s.c.Known == nil {
		return dora.Origin{}, false
	}
	o, known := s.c.Known(sha)
	if o.Unavailable == dora.ReasonNotFound || o.Unavailable == dora.ReasonUnprocessed {
		return dora.Origin{}, false
	}
	return o, known
}

// remember keeps what is new for the next look-up, unless it depends on other deployments. Of what is known, only that a pull request
// is open changes.
func (s *shipping) remember(sha string, o dora.Origin) {
	known, has := s.cachedOrigin(sha)
	if s.dependent[sha] || has && (known.PullRequest == 0 || !known.Merged.IsZero() || o.Merged.IsZero()) {
		return
	}
	s.newOrigins[sha] = o
}
