package enrichment

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"dora-exporter/dora"
)

// maxUnserved limits how many repositories are counted, and how many owners are logged.
const maxUnserved = 10_000

// unservedRepositories are repositories that no credential is for. Their owners are logged, each once.
type unservedRepositories struct {
	logger  *slog.Logger
	onCount func(repositories int)

	mu sync.Mutex
	// byOwner are the repositories by host and owner; why is the reason that was logged for the owner.
	byOwner map[ownerOnHost]*unservedOwner
	count   int
}

type ownerOnHost struct{ host, owner string }

type unservedOwner struct {
	why          string
	repositories map[string]bool
}

func newUnserved(logger *slog.Logger, onCount func(int)) *unservedRepositories {
	onCount(0)
	return &unservedRepositories{logger: logger, onCount: onCount, byOwner: map[ownerOnHost]*unservedOwner{}}
}

// add counts a repository, and returns the error of calls for it. The reason has the remedy.
func (u *unservedRepositories) add(host, owner, repository, why string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	err := &dora.InaccessibleError{Err: fmt.Errorf("repository %s on %s: %s", repository, host, why), RetryIn: unservedRetry}
	at := ownerOnHost{host, strings.ToLower(owner)}
	known := u.byOwner[at]
	if known == nil {
		if len(u.byOwner) >= maxUnserved {
			return err
		}
		known = &unservedOwner{repositories: map[string]bool{}}
		u.byOwner[at] = known
	}
	if known.why != why {
		known.why = why
		u.logger.Error(why, "host", dora.LabelValue(host), "owner", dora.LabelValue(owner))
	}
	if !known.repositories[repository] && u.count < maxUnserved {
		known.repositories[repository] = true
		u.count++
		u.onCount(u.count)
	}
	return err
}

// remove forgets an owner that has a credential now.
func (u *unservedRepositories) remove(host, owner string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	at := ownerOnHost{host, strings.ToLower(owner)}
	known := u.byOwner[at]
	if known == nil {
		return
	}
	delete(u.byOwner, at)
	u.count -= len(known.repositories)
	u.onCount(u.count)
	u.logger.Info("found an installation of the GitHub App", "host", dora.LabelValue(host), "owner", dora.LabelValue(owner))
}
