package enrichment

import (
	"fmt"
	"log/slog"
	"time"

	"dora-exporter/dora"
)

// inaccessibleRepositories holds the repositories that the token may not see.
//
// GitHub says so with 403, or with 404 for the repository itself, which also stands for one that is gone. A 403 that is not a rate
// limit may be the token's fault: while no other call is answered, the gate is closed. Once a call for another repository is answered,
// only calls for this one fail (it may belong to an organisation that requires single sign-on).
//
// Calls for such a repository are not made, but for a probe: with 403 that is one of the calls, with 404 GET /repos/{owner}/{repo}. It
// is made once a minute ten times, then after 2, 4, 8, 16 and 32 minutes, then once an hour. Many repositories are probed at most once
// in accessSpacing, so that they take at most 1,200 of the 5,000 calls that GitHub allows per hour.
type inaccessibleRepositories map[string]*inaccessible

type inaccessible struct {
	until time.Time
	// probes counts the probes that were refused; probing is true while one is under way.
	probes  int
	probing bool
	// hidden is true if GitHub answers 404 for the repository.
	hidden bool
	// logged is true once the repository's refusal is in the log. Until then the token may be at fault.
	logged bool
}

const (
	// accessSpacing is the least time between the probes of two inaccessible repositories, on average.
	accessSpacing = 3 * time.Second
	// quickProbes are made once a minute.
	quickProbes = 10
	// accessCached is for how long an answer for a repository says that the token may see it.
	accessCached = 30 * time.Second
)

// probeInterval returns the time until the next probe of one of n repositories after a number of refused ones.
func probeInterval(refused, n int) time.Duration {
	interval := time.Hour
	if doublings := max(0, refused-quickProbes); doublings < 6 {
		interval = time.Minute << doublings
	}
	return max(interval, time.Duration(n)*accessSpacing)
}

// forbiddenError is returned for a call that is not made because GitHub refuses access to its repository.
type forbiddenError struct {
	repository string
	until      time.Time
	hidden     bool
}

func (e *forbiddenError) Error() string {
	text := "GitHub refuses access to"
	if e.hidden {
		text = "GitHub does not show the token the repository"
	}
	return fmt.Sprintf("%s %s, next try at %s", text, e.repository, e.until.UTC().Format(time.RFC3339))
}

// add blocks calls for a repository until the next probe. Only the outcome of a probe prolongs the time to the next one.
func (f inaccessibleRepositories) add(repository string, hidden, probe bool) {
	b := f[repository]
	if b == nil {
		b = &inaccessible{}
		f[repository] = b
	} else if !probe && time.Until(b.until) > 0 {
		return
	}
	b.probes++
	b.hidden = hidden
	b.until = time.Now().Add(probeInterval(b.probes, len(f)))
}

// contains reports whether GitHub refuses access to a repository.
func (f inaccessibleRepositories) contains(repository string) bool {
	_, known := f[repository]
	return known
}

// check returns an error while calls for a repository are blocked. After that, one call may probe.
func (f inaccessibleRepositories) check(repository string) (probe bool, err error) {
	b, known := f[repository]
	if !known {
		return false, nil
	}
	if left := time.Until(b.until); left > 0 || b.probing {
		return false, f.error(repository)
	}
	b.probing = true
	return true, nil
}

// error returns the error of a call that is not made.
func (f inaccessibleRepositories) error(repository string) error {
	b := f[repository]
	return &dora.InaccessibleError{Err: &forbiddenError{repository, b.until, b.hidden}, RetryIn: time.Until(b.until)}
}

// logOnce logs once that a repository is inaccessible while others are not.
func (f inaccessibleRepositories) logOnce(logger *slog.Logger, repository string, err error) {
	b := f[repository]
	if b.logged {
		return
	}
	b.logged = true
	text := "GitHub refuses access to a repository, its deployments wait, will retry every minute and later once an hour: " +
		"give the token read access to its contents, pull requests and metadata"
	if b.hidden {
		text = "GitHub does not show a repository to the token, its deployments wait, will retry every minute and later once an hour: " +
			"give the token read access to its contents, pull requests and metadata, unless the repository is gone"
	}
	logger.Error(text, "repository", repository, "error", err)
}

// remove allows calls for a repository again.
func (f inaccessibleRepositories) remove(logger *slog.Logger, repository string) {
	if b := f[repository]; b != nil && b.logged {
		logger.Info("GitHub grants access to a repository again", "repository", repository)
	}
	delete(f, repository)
}

// count returns how many repositories are inaccessible, without those for which the token may be at fault.
func (f inaccessibleRepositories) count() (n int) {
	for _, b := range f {
		if b.logged {
			n++
		}
	}
	return n
}
