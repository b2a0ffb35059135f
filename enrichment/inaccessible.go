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
// limit may be the token's fault: while no other call is answered, not even the control call, the gate is closed. If others are answered,
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
	// route is the one that GitHub refuses: the token may lack one permission of several.
	route string
	// reason is what GitHub answered, nil if that was in an earlier process.
	reason error
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

// hidden reports whether GitHub refuses the repository itself. Then that is what a probe asks for.
func (b *inaccessible) hidden() bool { return b.route == routeRepository }

// certain reports whether the repository, not the token, is at fault: that is logged, or an earlier process found it so and no probe has
// told yet.
func (b *inaccessible) certain() bool { return b.logged || b.probes == 0 }

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
	reason     error
}

func (e *forbiddenError) Error() string {
	text := "GitHub refuses access to"
	if e.hidden {
		text = "GitHub does not show the token the repository"
	}
	text = fmt.Sprintf("%s %s, next try at %s", text, e.repository, e.until.UTC().Format(time.RFC3339))
	if e.reason != nil {
		text += ": " + e.reason.Error()
	}
	return text
}

// add blocks calls for a repository until the next probe. Only the outcome of a probe prolongs the time to the next one.
func (f inaccessibleRepositories) add(repository, route string, probe bool, reason error) {
	b := f[repository]
	if b == nil {
		b = &inaccessible{}
		f[repository] = b
	} else if !probe && time.Until(b.until) > 0 {
		return
	}
	b.probes++
	b.route, b.reason = route, reason
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
		return false, f.errorUntil(repository, b.until)
	}
	b.probing = true
	return true, nil
}

// errorUntil returns the error of a call that is not made before a time. While the token may be at fault, it is not the repository's.
func (f inaccessibleRepositories) errorUntil(repository string, until time.Time) error {
	b := f[repository]
	err := &forbiddenError{repository, until, b.hidden(), b.reason}
	if !b.certain() {
		return err
	}
	return &dora.InaccessibleError{Err: err, RetryIn: time.Until(until)}
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
	if b.hidden() {
		text = "GitHub does not show a repository to the token, its deployments wait, will retry every minute and later once an hour: " +
			"give the token read access to its contents, pull requests and metadata, unless the repository is gone"
	}
	logger.Error(text, "repository", repository, "error", err)
}

// remove allows calls for a repository again, after one was answered, unless GitHub refused one of another route.
func (f inaccessibleRepositories) remove(logger *slog.Logger, repository, route string) {
	b := f[repository]
	if b == nil || !b.hidden() && b.route != route {
		return
	}
	if b.logged {
		logger.Info("GitHub grants access to a repository again", "repository", repository)
	}
	delete(f, repository)
}

// count returns how many repositories are inaccessible, without those for which the token may be at fault.
func (f inaccessibleRepositories) count() (n int) {
	for _, b := range f {
		if b.certain() {
			n++
		}
	}
	return n
}
