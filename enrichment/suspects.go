package enrichment

import (
	"fmt"
	"log/slog"
	"time"

	"dora-exporter/dora"
)

const (
	// outageFailures is how many different URLs, and of different repositories if there are so many, have to fail in a row
	// before the whole API is taken to be down. It is also how many URLs of a repository before the repository is.
	outageFailures = 3
	// maxBroken bounds what is remembered of URLs and repositories that fail while others work.
	maxBroken = 1000
)

// failureTracker tells an outage of a whole from parts of it that fail by themselves. A part that failed is a suspect until another
// one is answered: then it is broken, and its failures say nothing about the whole until it has been answered again.
type failureTracker struct{ failing, broken map[string]bool }

// recordFailure notes that a part failed, and returns how many suspects there are; 0 if the part is known to be broken.
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

// answer notes that a part was answered.
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

// has reports whether the last call about a part failed.
func (s *failureTracker) lastFailed(part string) bool { return s.failing[part] || s.broken[part] }

func (s *failureTracker) empty() bool { return len(s.failing)+len(s.broken) == 0 }

// repositoryState is what the gate knows of a repository whose calls fail. Its calls are paused by themselves when several of
// its URLs fail in a row, so that those of other repositories need not wait: one call probes it, after a backoff.
type repositoryState struct {
	urls     failureTracker
	paused   bool
	until    time.Time
	failures int
	// pauses is different for each pause: what was called before the last one tells nothing new.
	pauses int
	// candidate is the only one who waits for making the probe, probing is set while that is under way.
	candidate *waiter
	probing   bool
}

// pausedError is the error of a call that is not made.
type pausedError struct {
	repository string
	until      time.Time
}

func (e *pausedError) Error() string {
	return fmt.Sprintf("GitHub fails for repository %s, next try at %s", e.repository, e.until.UTC().Format(time.RFC3339))
}

// enter returns an error while the repository's calls are paused. The first one who comes after that may make the probe.
func (s *repositoryState) enter(w *waiter) error {
	if s == nil || !s.paused || s.candidate == w {
		return nil
	}
	if s.probing || s.candidate != nil || time.Until(s.until) > 0 {
		return &pausedError{w.repository, s.until}
	}
	s.candidate = w
	return nil
}

// recordFailure notes a failed call, and pauses the calls when too many have failed.
func (s *repositoryState) recordFailure(logger *slog.Logger, p pass, err error) {
	if failing := s.urls.recordFailure(p.url); !p.repositoryProbe && (s.paused || p.pauses != s.pauses || failing < outageFailures) {
		return
	}
	s.failures++
	s.until = time.Now().Add(dora.Backoff(s.failures))
	if !s.paused {
		s.paused = true
		s.pauses++
		logger.Warn("GitHub fails for a repository, pausing its calls", "repository", p.repository, "until", s.until, "error", err)
	}
}

// answer notes a call that worked.
func (s *repositoryState) recordSuccess(logger *slog.Logger, p pass) {
	if p.pauses != s.pauses {
		return
	}
	s.urls.recordSuccess(p.url)
	s.failures = 0
	if s.paused {
		s.paused = false
		logger.Info("GitHub answers for a repository again", "repository", p.repository)
	}
}
