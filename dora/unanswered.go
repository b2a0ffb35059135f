package dora

import "time"

// UnansweredError is the error of an Enricher if GitHub fails to answer a call although it answers others. It may never answer this
// one, so the work that needs the answer gives it up after a time (FailingCalls).
type UnansweredError struct {
	Err error
	// Call is what was asked for: the URL.
	Call string
	// For is for how long all calls for the repository have failed, at least how long this one took.
	For time.Duration
	// Waited is for how long this attempt waited while no calls could be made. That time does not count.
	Waited time.Duration
}

func (e *UnansweredError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the call.
func (e *UnansweredError) Unwrap() error { return e.Err }

// InaccessibleError is the error of an Enricher if GitHub does not let the token see a repository, or if the repository is gone, which
// look the same.
type InaccessibleError struct {
	Err error
	// RetryIn is the time until GitHub is asked again.
	RetryIn time.Duration
}

func (e *InaccessibleError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the call.
func (e *InaccessibleError) Unwrap() error { return e.Err }

// PausedError is the error of an Enricher if all calls with the credential of the repository are paused, while those with another one
// may be made. It says nothing about the commit.
type PausedError struct {
	Err error
	// RetryIn is the time until GitHub is asked again.
	RetryIn time.Duration
}

func (e *PausedError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the call.
func (e *PausedError) Unwrap() error { return e.Err }

// RefusedError is the error of a call if GitHub refuses the credential. No call with it is answered until it is replaced.
type RefusedError struct {
	Err error
	// Credential is its key in the configuration.
	Credential string
}

func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the call.
func (e *RefusedError) Unwrap() error { return e.Err }
