package sqlstore

import (
	"context"
	"slices"
	"sync"

	"dora-exporter/dora"
)

// maxRecentFacts bounds the memory of recentFacts.
const maxRecentFacts = 4096

// recentFacts has the newest facts that this process has committed, until they are read: so that the projection need not read them from
// the database.
type recentFacts struct {
	mu sync.Mutex
	// facts have positions without gaps, the last one newest. newest is 0 if it is not known.
	facts  []dora.Fact
	newest int64
	// begun is the position of the newest fact that began a series.
	begun int64
}

// add adds facts that were committed one after another. begun is as in recentFacts, 0 if none of them began a series.
func (r *recentFacts) add(facts []dora.Fact, begun int64) {
	if len(facts) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if facts[0].Position != r.newest+1 || len(r.facts)+len(facts) > maxRecentFacts {
		r.facts = nil // another process has committed others, or nobody reads them
	}
	if len(facts) <= maxRecentFacts {
		r.facts = append(r.facts, facts...)
	}
	r.newest, r.begun = facts[len(facts)-1].Position, max(r.begun, begun)
}

// forget forgets all facts: they may have been changed, or the outcome of a commit is not known.
func (r *recentFacts) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts, r.newest = nil, 0
}

// after returns at most limit facts after a position, and forgets those before it. known is false if there are others.
func (r *recentFacts) after(position int64, limit int) (found []dora.Fact, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.newest - position
	if r.newest == 0 || n < 0 || n > int64(len(r.facts)) {
		return nil, false
	}
	r.facts = r.facts[len(r.facts)-int(n):]
	found = r.facts[:min(limit, len(r.facts))]
	return slices.Clip(found), true
}

// beganNone reports whether none of the facts after a position began a series. It is false if not all of them are here.
func (r *recentFacts) beganNone(after int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newest-after <= int64(len(r.facts)) && after < r.newest && r.begun <= after
}

// Facts returns at most limit facts after a position like Reader.Facts. It reads only those that this process has not just committed.
func (s *Store) Facts(ctx context.Context, after int64, limit int) ([]dora.Fact, error) {
	facts, known := s.writer.recent.after(after, limit)
	if known && (len(facts) > 0 || s.writer.engine.IsExclusive()) {
		return facts, nil
	}
	return s.Reader.Facts(ctx, after, limit)
}

// SeriesStarts calls add like Reader.SeriesStarts. It reads nothing if the facts that Facts has just returned began no series.
func (s *Store) SeriesStarts(ctx context.Context, after int64, add func(dora.SeriesStart)) error {
	if s.writer.recent.beganNone(after) {
		return nil
	}
	return s.Reader.SeriesStarts(ctx, after, add)
}
