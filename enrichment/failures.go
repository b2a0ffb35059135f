package enrichment

import (
	"fmt"
	"log/slog"
	"time"

	"dora-exporter/dora"
)

const (
	// outageFailures is the number of different URLs that must fail in a row before the whole API is considered down; they must
	// be of as many repositories if that many have been seen. The same number of URLs of one repository pauses that repository.
	outageFailures = 3
	// maxBroken limits how many broken parts are remembered.
	maxBroken = 1000
	// repositorySpacing is the least time between the probes of two paused repositories, on average.
	repositorySpacing = 2 * time.Second
)

// failureTracker distinguishes an outage of a whole (a route, a repository) from broken parts of it (URLs, repositories). A part
// that fails is counted as failing until another part is answered. Then it is broken: its failures are ignored until it is answered
// itself.
type failureTracker struct{ failing, broken map[string]bool }

// recordFailure records a failure of a part and returns how many parts are failing; 0 if this part is known to be broken.
func (s *failureTracker) recordFailure(part string) int {
	if s.broken[part] {
		return 0
	}
	if s.failing == nil {
		s.failing = map[string]bool{}
	}
	s.failing[part] = true
	return len(s.failing)
}

// recordSuccess records that a part was answered.
func (s *failureTracker) recordSuccess(part string) {
	if s.broken == nil || len(s.broken) > maxBroken {
		s.broken = map[string]bool{}
	}
	for other := range s.failing {
		s.broken[other] = true
	}
	s.failing = nil
	delete(s.broken, part)
}

// lastFailed reports whether the last call for a part failed.
func (s *failureTracker) lastFailed(part string) bool { return s.failing[part] || s.broken[part] }

func (s *failureTracker) empty() bool { return len(s.failing)+len(s.broken) == 0 }

// repositoryState tracks a repository whose calls fail. If several of its URLs fail in a row, its calls alone are paused, and one of
// them probes the repository after a backoff; calls for other repositories go on.
type repositoryState struct {
	urls     failureTracker
	paused   bool
	until    time.Time
	failures int
	// failingSince is when it was paused, later by the time for which all calls were paused since.
	failingSince time.Time
	// pauses counts the pauses. Outcomes of calls from before the last pause are stale.
	pauses int
	// reason is the error of the last call that failed.
	reason error
	// candidate is the call that waits to make the probe; probing is true while the probe is under way.
	candidate *waiter
	probing   bool
}

// pausedError is returned for a call that is not made because its repository is paused.
type pausedError struct {
	url        string
	repository string
	until      time.Time
	reason     error
}

func (e *pausedError) Error() string {
	return fmt.Sprintf("GET %s: calls for repository %s are paused since they failed, next try at %s: %v", e.url, e.repository, e.until.UTC().Format(time.RFC3339), e.reason)
}

// enter returns an error while the repository's calls are paused. The first call after the pause becomes the probe.
func (s *repositoryState) enter(w *waiter) error {
	if s == nil || !s.paused || s.candidate == w {
		return nil
	}
	if s.probing || s.candidate != nil || time.Until(s.until) > 0 {
		return &dora.UnansweredError{Err: &pausedError{w.url, w.repository, s.until, s.reason}, Call: w.url, For: time.Since(s.failingSince)}
	}
	s.candidate = w
	return nil
}

// recordFailure records a failed call and pauses the repository if too many have failed, or if suspect is true. n is the number of
// repositories that are paused.
func (s *repositoryState) recordFailure(logger *slog.Logger, p pass, err error, suspect bool, n int) {
	enough := s.urls.recordFailure(p.url) >= outageFailures || suspect
	if !p.repositoryProbe && (s.paused || p.pauses != s.pauses || !enough) {
		return
	}
	s.failures++
	s.reason = err
	s.until = time.Now().Add(max(dora.Backoff(s.failures), time.Duration(n)*repositorySpacing))
	if !s.paused {
		s.paused, s.failingSince = true, time.Now()
		s.pauses++
		logger.Warn("calls for a repository failed, pausing calls for it", "repository", p.repository, "until", s.until, "error", err)
	}
}

// shift leaves the time from closedAt until now out of the time for which the repository has failed.
func (s *repositoryState) shift(closedAt time.Time) {
	if s.failingSince.Before(closedAt) {
		s.failingSince = s.failingSince.Add(time.Since(closedAt))
		return
	}
	s.failingSince = time.Now()
}

// recordSuccess records an answered call.
func (s *repositoryState) recordSuccess(logger *slog.Logger, p pass) {
	if p.pauses != s.pauses {
		return
	}
	s.urls.recordSuccess(p.url)
	s.failures = 0
	if s.paused {
		s.paused = false
		logger.Info("resuming calls for a repository", "repository", p.repository)
	}
}
