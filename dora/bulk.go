package dora

import (
	"errors"
	"time"
)

// Errors of reading in bulk.
var (
	// ErrTooLarge is in the error of a query that asks for more than GitHub can answer at once.
	ErrTooLarge = errors.New("GitHub could not answer so much at once")
	// ErrNoBulk is in the error of a query if the server or the token has no GraphQL.
	ErrNoBulk = errors.New("GraphQL can't be used")
)

// LimitedError is the error of a query that a rate limit has refused.
type LimitedError struct {
	// Wait is how long to wait; 0 if GitHub does not say.
	Wait time.Duration
	Err  error
}

func (e *LimitedError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the call.
func (e *LimitedError) Unwrap() error { return e.Err }
