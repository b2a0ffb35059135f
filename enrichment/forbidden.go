package enrichment

import (
	"fmt"
	"log/slog"
	"time"
)

// forbiddenRepositories are the repositories whose calls were answered with a 403 that is no limit. As long as nothing else works it is
// the token that is at fault, and the gate is closed. Once a call about another repository works it is the repository
// (another organisation's, say, that wants single sign-on): then only its own calls fail, and it is tried once a minute.
type forbiddenRepositories map[string]denial

type denial struct {
	until time.Time
	// told is set when the log has it.
	logged bool
}

// forbiddenError is the error of a call that is not made.
type forbiddenError struct {
	repository string
	until      time.Time
}

func (e *forbiddenError) Error() string {
	return fmt.Sprintf("GitHub refuses access to %s, next try at %s", e.repository, e.until.UTC().Format(time.RFC3339))
}

// add keeps a repository from being asked for a while.
func (f forbiddenRepositories) add(repository string) {
	f[repository] = denial{time.Now().Add(refusedRetry), f[repository].logged}
}

// has reports whether a repository's last answer was a 403.
func (f forbiddenRepositories) contains(repository string) bool {
	_, known := f[repository]
	return known
}

// check returns an error while a repository is not to be asked. When its time is over one call may ask.
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
	logger.Error("GitHub refuses access to a repository, trying once a minute: check what the token may read",
		"repository", repository, "error", err)
}

// remove lets a repository be asked again.
func (f forbiddenRepositories) remove(logger *slog.Logger, repository string) {
	if f[repository].logged {
		logger.Info("GitHub gives access to a repository again", "repository", repository)
	}
	delete(f, repository)
}
