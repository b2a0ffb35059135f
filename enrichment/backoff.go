package enrichment

import (
	"time"

	"dora-exporter/dora"
)

// backoff computes how long to pause calls after failures in a row. Failures stay in a row until calls have gone on for longer than the last
// pause, so pauses also grow in an outage in which GitHub answers now and then. Calls that hang limit themselves.
type backoff struct {
	failures int
	last     time.Duration
	// endedAt is when the last pause ended; zero while calls are paused.
	endedAt time.Time
}

// next returns how long to pause after a failure.
func (b *backoff) next() time.Duration {
	if !b.endedAt.IsZero() && time.Since(b.endedAt) > b.last {
		b.failures = 0
	}
	b.endedAt = time.Time{}
	b.failures++
	b.last = dora.Backoff(b.failures)
	return b.last
}

// end records that calls go on. Only the first time after a pause matters.
func (b *backoff) end() {
	if b.endedAt.IsZero() {
		b.endedAt = time.Now()
	}
}

// skip leaves the time since a moment out of the time for which calls have gone on.
func (b *backoff) skip(since time.Time) {
	if !b.endedAt.IsZero() && !b.endedAt.After(since) {
		b.endedAt = b.endedAt.Add(time.Since(since))
	}
}
