package enrichment

import (
	"fmt"
	"log/slog"
	"time"
)

// forbiddenRepositories holds the repositories whose last answer was a 403 that is not a rate limit. While no other call is answered,
// the token is considered at fault and the gate is closed. Once a call for another repository is answered, only calls for this one
// fail (it may belong to an organisation that requires single sign-on), and it is tried once a minute.
type forbiddenRepositories map[string]denial

type denial struct {
	until time.Time
	// logged is true once the refusal is in the log.
	logged bool
}

// forbiddenError is returned for a call that is not made because GitHub refuses access to its repository.
type forbiddenError struct {
	repository string
	until      time.Time
}

func (e *forbiddenError) Error() string {
	return fmt.Sprintf("GitHub refuses access to %s, next try at %s", e.repository, e.until.UTC().Format(time.RFC3339))
}

// add blocks calls for a repository until the next try.
func (f forbiddenRepositories) add(repository string) {
	f[repository] = denial{time.Now().Add(refusedRetry), f[repository].logged}
}

// has reports whether a repository's last answer was a 403.
func (f forbiddenRepositories) contains(repository string) bool {
	_, known := f[repository]
	return known
}

// check returns an error while calls for a repository are blocked. After that, one call may try.
func (f forbiddenRepositories) check(repository string) error {
	b, known := f[repository]
	if !known {
		return nil
	}
	if time.Until(b.until) > 0 {
		return &forbiddenError{repository, b.until}
	}
	f.add(repository)
	return nil
}

// logOnce logs once that a repository is refused while others work.
func (f forbiddenRepositories) logOnce(logger *slog.Logger, repository string, err error) {
	b := f[repository]
	if b.logged {
		return
	}
	f[repository] = denial{b.until, true}
	logger.Error("GitHub refuses access to a repository, will retry once a minute: check the permissions of the token",
		"repository", repository, "error", err)
}

// remove allows calls for a repository again.
func (f forbiddenRepositories) remove(logger *slog.Logger, repository string) {
	if f[repository].logged {
		logger.Info("GitHub grants access to a repository again", "repository", repository)
	}
	delete(f, repository)
}
