package history

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// GitHub makes the calls that read deployments. The errors of Query are those of dora/bulk.go.
type GitHub interface {
	// Query is given the owner whose repositories it is about.
	Query(ctx context.Context, owner, query string, variables map[string]any, data any) error
	// Deployments and DeploymentStatuses return a page of what REST has, newest first, and the number of the next page, 0 after the last.
	Deployments(ctx context.Context, owner, repository string, number int) (all []json.RawMessage, next int, err error)
	DeploymentStatuses(ctx context.Context, owner, repository string, deployment int64, number int) (all []json.RawMessage, next int, err error)
	// OwnerRepositories returns a page of the repositories of an owner likewise, as owner/name.
	OwnerRepositories(ctx context.Context, owner string, number int) (names []string, next int, err error)
}

// outageError is the error of a call that has failed maxFailures times in a row.
type outageError struct{ error }

func (e *outageError) Unwrap() error { return e.error }

// limitWait is how long to wait at a rate limit that does not say for how long.
const limitWait = time.Minute

// asker makes calls one after another, within the rate limits, and counts them.
type asker struct {
	github GitHub
	logger *slog.Logger
	now    func() time.Time
	sleep  func(ctx context.Context, d time.Duration)
	// maxFailures is how often a call may fail before its error is returned, as an outageError; 0 for any number.
	maxFailures int
	// maxUnanswered is how often a query may fail although GitHub answers others; 0 for failuresToGiveUp.
	maxUnanswered int
	// interval is the shortest time between two calls, next the earliest time of the next one.
	interval time.Duration
	next     time.Time
	spent    Spent
	// refused are the errors of owners whose credential GitHub refuses, by their logins in lower case. Nothing is asked about them any more.
	refused map[string]error
}

const (
	// maxRefusals is how often in a row GitHub may refuse a credential before that is believed, refusalWait the time between two tries.
	maxRefusals = 3
	refusalWait = time.Minute
)

// Spent counts what a backfill has taken of GitHub's limits.
type Spent struct {
	Calls  int `json:"calls"`
	Points int `json:"points"`
}

// Add adds what was spent elsewhere.
func (s *Spent) Add(other Spent) {
	s.Calls += other.Calls
	s.Points += other.Points
}

// query makes a query until it is answered. Its error is that of ctx, or has dora.ErrTooLarge or dora.ErrNoBulk, or is a *dora.RefusedError, or a
// *dora.UnansweredError if GitHub fails to answer this query although it answers others.
func (a *asker) query(ctx context.Context, owner, query string, variables map[string]any, data any, limits *rateLimits) error {
	if err := a.refused[strings.ToLower(owner)]; err != nil {
		return err
	}
	answersOthers := func() bool {
		a.spent.Calls++
		return a.github.Query(ctx, owner, controlQuery, nil, &struct{}{}) == nil
	}
	err := a.retryUnless(ctx, answersOthers, func() error {
		err := a.github.Query(ctx, owner, query, variables, data)
		if err == nil {
			a.spent.Points += limits.Cost
			if limits.Remaining <= 0 && !limits.ResetAt.IsZero() {
				a.next = later(a.next, limits.ResetAt)
			}
		}
		return err
	})
	if isRefused(err) {
		if a.refused == nil {
			a.refused = map[string]error{}
		}
		a.refused[strings.ToLower(owner)] = err
	}
	return err
}

// retry makes a call until it is answered, or will never be.
func (a *asker) retry(ctx context.Context, call func() error) error {
	return a.retryUnless(ctx, func() bool { return false }, call)
}

// retryUnless is retry for a call that is given up if it fails again and again although others are answered.
func (a *asker) retryUnless(ctx context.Context, answersOthers func() bool, call func() error) error {
	for failures, refusals := 0, 0; ; {
		if wait := a.next.Sub(a.now()); wait > 0 {
			a.sleep(ctx, wait)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		a.next = a.now().Add(a.interval)
		a.spent.Calls++
		err := call()
		var limited *dora.LimitedError
		var paused *dora.PausedError
		switch {
		case err == nil, ctx.Err() != nil:
			return err
		case isRefused(err):
			if refusals++; refusals == maxRefusals {
				return err
			}
			a.next = later(a.next, a.now().Add(refusalWait))
		case isFinal(err):
			return err
		case errors.As(err, &limited):
			wait := limited.Wait
			if wait <= 0 {
				wait = limitWait
			}
			a.logger.Warn("GitHub limits the rate, reading waits", "for", wait, "error", err)
			a.next = later(a.next, a.now().Add(wait))
		case errors.As(err, &paused):
			a.next = later(a.next, a.now().Add(max(paused.RetryIn, time.Second)))
		default:
			failures++
			if failed := a.giveUp(failures, err, answersOthers); failed != nil {
				return failed
			}
			wait := dora.Backoff(failures)
			a.logger.Warn("a call of GitHub failed, will retry", "in", wait, "error", err)
			a.next = later(a.next, a.now().Add(wait))
		}
	}
}

// failuresToGiveUp is how often in a row a query may fail although GitHub answers others. With the backoffs that is about two minutes.
const failuresToGiveUp = 8

// giveUp returns the error of a call that has failed some times in a row; nil if it is to be tried again.
func (a *asker) giveUp(failures int, err error, answersOthers func() bool) error {
	mayBeOutage := a.maxFailures > 0 && failures >= a.maxFailures
	givesUp := failures >= cmp.Or(a.maxUnanswered, failuresToGiveUp)
	if !mayBeOutage && !givesUp {
		return nil
	}
	switch answersOthers := answersOthers(); {
	case answersOthers && givesUp:
		return &dora.UnansweredError{Err: err, Call: "/graphql"}
	case mayBeOutage && !answersOthers:
		return &outageError{err}
	}
	return nil
}

// retryPage is retry for a call that returns a page of a list, and where the next one begins.
func retryPage[T, N any](ctx context.Context, a *asker, call func() ([]T, N, error)) (page []T, next N, err error) {
	err = a.retry(ctx, func() (err error) {
		page, next, err = call()
		return err
	})
	return page, next, err
}

// isFinal reports whether the same call would fail again, or is retried by whoever makes it.
func isFinal(err error) bool {
	var missing *dora.NotFoundError
	var inaccessible *dora.InaccessibleError
	return errors.Is(err, dora.ErrTooLarge) || errors.Is(err, dora.ErrNoBulk) || errors.Is(err, dora.ErrNoHooks) || errors.As(err, &missing) || isUnanswered(err) || errors.As(err, &inaccessible) || isRefused(err)
}

// isUnanswered reports whether GitHub did not answer a query although it answers others.
func isUnanswered(err error) bool {
	unanswered := new(dora.UnansweredError)
	return errors.As(err, &unanswered)
}

// isRefused reports whether GitHub refuses the credential of a call, or the credentials of all calls whose errors are joined. If one of them
// failed for another reason, the calls are to be made again.
func isRefused(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(joined.Unwrap(), func(part error) bool { return !isRefused(part) })
	}
	refused := new(dora.RefusedError)
	return errors.As(err, &refused)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
