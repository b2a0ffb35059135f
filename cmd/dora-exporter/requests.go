package main

import (
	"slices"
	"sync"
	"time"
)

// mostRefused bounds the reasons that are kept.
const mostRefused = 20

// requests are what became of the webhook requests that left no delivery, since the start.
type requests struct {
	mu      sync.Mutex
	results map[string]int
	// refused has each reason once, the newest last.
	refused []refusedRequest
}

// refusedRequest are requests that were not taken, for the same reason.
type refusedRequest struct {
	Source, Result, Why string
	Last                time.Time
	Times               int
}

// observe counts a request.
func (r *requests) observe(result string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.results == nil {
		r.results = map[string]int{}
	}
	r.results[result]++ // there are few
}

// refuse keeps why a request was refused. A flood of the same leaves the others in place.
func (r *requests) refuse(source, result, why string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := refusedRequest{Source: source, Result: result, Why: why, Last: at, Times: 1}
	same := func(o refusedRequest) bool { return o.Source == source && o.Result == result && o.Why == why }
	if at := slices.IndexFunc(r.refused, same); at >= 0 {
		one.Times += r.refused[at].Times
		r.refused = slices.Delete(r.refused, at, at+1)
	}
	if len(r.refused) == mostRefused {
		r.refused = slices.Delete(r.refused, 0, 1)
	}
	r.refused = append(r.refused, one)
}

// of is how often a request had a result.
func (r *requests) of(result string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.results[result]
}

// newest are the reasons, the newest first.
func (r *requests) newest() []refusedRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.refused)
	slices.Reverse(all)
	return all
}
