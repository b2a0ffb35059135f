package dora

import "time"

// FailingCalls are the calls that attempts at a work lacked the answers of, by UnansweredError.Call. Each is given up by its own time,
// so that the waits for several calls neither add up nor begin again with each other.
type FailingCalls map[string]FailingCall

// FailingCall is a call that GitHub fails to answer although it answers others.
type FailingCall struct {
	// For is for how long it has failed.
	For time.Duration `json:"for"`
	// Last is when it failed last, a reading of the store's clock; zero if an attempt has failed otherwise since.
	Last time.Time `json:"last"`
}

const (
	// maxFailingCalls limits the calls that have a time of their own. Further ones share one.
	maxFailingCalls = 1000
	// maxGap is the longest time between two attempts that counts.
	maxGap = 5 * time.Minute
)

// Add adds that a call failed now, and returns for how long it has failed. What passed since an attempt that failed otherwise, such as
// in an outage, does not count.
func (f *FailingCalls) Add(e *UnansweredError, now time.Time) time.Duration {
	key := e.Call
	if _, known := (*f)[key]; !known && len(*f) >= maxFailingCalls {
		key = ""
	}
	call := (*f)[key]
	if !call.Last.IsZero() {
		call.For += min(max(0, now.Sub(call.Last)-e.Waited), maxGap)
	}
	call.For, call.Last = max(call.For, e.For), now
	if *f == nil {
		*f = FailingCalls{}
	}
	(*f)[key] = call
	return call.For
}

// Interrupt adds that an attempt failed otherwise.
func (f FailingCalls) Interrupt() {
	for key, call := range f {
		call.Last = time.Time{}
		f[key] = call
	}
}

// Longest returns for how long the call has failed that has failed the longest, of those that failed at since or later: the begin of an
// attempt leaves out the calls that were answered in it.
func (f FailingCalls) Longest(since time.Time) (longest time.Duration) {
	for _, call := range f {
		if !call.Last.Before(since) {
			longest = max(longest, call.For)
		}
	}
	return longest
}
