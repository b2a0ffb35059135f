package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dora-exporter/dora"
)

const (
	// maxRereads is how often a repository is read again at the end of a backfill while GitHub does not answer for it although it answers others.
	maxRereads = 3
	// failuresOfReread is how often in a row a query may fail meanwhile: a partial outage may leave many repositories unanswered.
	failuresOfReread = 3
)

// rereadPause returns the pause before repositories are read again: 15 seconds, 1 and 4 minutes. A person may wait for it; the request of
// backfill.since is repeated later.
func rereadPause(reread int) time.Duration { return 15 * time.Second << (2 * (reread - 1)) }

// IncompleteError is the error of a backfill that has left out repositories for which GitHub did not answer although it answers others.
type IncompleteError struct {
	// Names are host/owner/name.
	Names []string
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("GitHub answers others but not for %s, so that not all was read. Repeat the backfill later: it reads only what is left", someOf(e.Names))
}

// Unanswered returns the repositories of the IncompleteError that a backfill has failed with, host/owner/name; none if it has failed with
// anything else.
func Unanswered(err error) (names []string) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, part := range joined.Unwrap() {
			some := Unanswered(part)
			if len(some) == 0 {
				return nil
			}
			names = append(names, some...)
		}
		return names
	}
	if incomplete := new(IncompleteError); errors.As(err, &incomplete) {
		return incomplete.Names
	}
	return nil
}

// IsIncomplete reports whether a backfill has left something out that it reads when it is repeated, perhaps with another credential.
func IsIncomplete(err error) bool {
	refused, incomplete := new(dora.RefusedError), new(IncompleteError)
	return errors.As(err, &refused) || errors.As(err, &incomplete)
}

// readAgain reads the repositories that GitHub has not answered for, when all others were read, until it answers or they were read maxRereads
// times. A server that answers nothing is waited for.
func (s Servers) readAgain(ctx context.Context) error {
	var failed []error
	for reread := 1; reread <= maxRereads; reread++ {
		left := s.unanswered()
		if len(left) == 0 {
			break
		}
		pause := rereadPause(reread)
		for _, b := range left {
			b.Logger.Warn("GitHub did not answer for some repositories, reading them again", "server", b.Host, "repositories", len(b.unanswered), "in", pause)
		}
		left[0].Sleep(ctx, pause)
		for _, b := range left {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			b.maxFailures, b.maxUnanswered = 0, failuresOfReread
			b.targets, b.unanswered = append(b.targets, b.unanswered...), nil
			failed = append(failed, b.readRepositories(ctx))
		}
	}
	if unread := s.leaveOutUnanswered(); len(unread) > 0 {
		failed = append(failed, &IncompleteError{unread})
	}
	return errors.Join(failed...)
}

// unanswered returns the servers that have not answered for some of their repositories, and have answered for all others.
func (s Servers) unanswered() (some Servers) {
	for _, b := range s {
		if len(b.unanswered) > 0 && b.progress.Done == len(b.targets) {
			some = append(some, b)
		}
	}
	return some
}

// leaveOutUnanswered returns the names of the repositories that no server has answered for, and notes that they could not be read.
func (s Servers) leaveOutUnanswered() (names []string) {
	for _, b := range s {
		for _, t := range b.unanswered {
			names = append(names, dora.GitHubHost(b.Host)+"/"+t.Name)
			b.finish(t, true)
		}
		b.unanswered = nil
	}
	return names
}

// postpone moves the target that is to be read next to those that GitHub does not answer for.
func (b *Backfill) postpone(err error) {
	next := b.progress.Done
	b.Logger.Warn("GitHub does not answer for a repository although it answers others, reading it again after the others", "repository", b.targets[next].Name, "error", err)
	b.unanswered = append(b.unanswered, b.targets[next])
	b.targets = append(b.targets[:next], b.targets[next+1:]...)
}

// someOf returns the first maxNamed names as text, and how many others there are.
func someOf(names []string) string {
	text := strings.Join(names[:min(len(names), maxNamed)], ", ")
	if n := len(names) - maxNamed; n > 0 {
		text += fmt.Sprintf(" and %d others", n)
	}
	return text
}
