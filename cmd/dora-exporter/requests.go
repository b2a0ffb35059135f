package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// mostRefused bounds the reasons that are kept.
	mostRefused = 20
	// mostRepeated bounds the deliveries of which it is kept that they came again.
	mostRepeated = 4 * mostArrivals
)

// requests are what became of the webhook requests that left no delivery of their own, since the start.
type requests struct {
	mu      sync.Mutex
	results map[string]int
	// refused has each reason once, the newest last.
	refused []refusedRequest
	// repeated has each delivery that came again once, the newest last.
	repeated []repeatedDelivery
}

// refusedRequest are requests that were not taken, for the same reason.
type refusedRequest struct {
	Source, Result, Why string
	Last                time.Time
	Times               int
}

// repeatedDelivery is a delivery that came again.
type repeatedDelivery struct {
	key   string
	last  time.Time
	times int
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
	same := func(o refusedRequest) bool { return o.Source == source && o.Result == result && o.Why == why }
	r.refused = renewed(r.refused, mostRefused, same, func(before refusedRequest) refusedRequest {
		return refusedRequest{Source: source, Result: result, Why: why, Last: at, Times: before.Times + 1}
	})
}

// repeat notes that a delivery came again.
func (r *requests) repeat(key string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	same := func(d repeatedDelivery) bool { return d.key == key }
	r.repeated = renewed(r.repeated, mostRepeated, same, func(before repeatedDelivery) repeatedDelivery {
		return repeatedDelivery{key, at, before.times + 1}
	})
}

// again says how often a delivery came again, and when it did last; nothing when it did not.
func (r *requests) again(key string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.repeated, func(d repeatedDelivery) bool { return d.key == key })
	if at < 0 {
		return ""
	}
	return fmt.Sprintf("came again %s, the last at %s: a duplicate, which counts nothing", times(r.repeated[at].times), stamp(r.repeated[at].last))
}

// renewed is a list of at most so many with one at its end that is made from the one that is the same, which is there no more.
func renewed[T any](all []T, most int, same func(T) bool, from func(before T) T) []T {
	var before T
	if at := slices.IndexFunc(all, same); at >= 0 {
		before = all[at]
		all = slices.Delete(all, at, at+1)
	}
	if len(all) == most {
		all = slices.Delete(all, 0, 1)
	}
	return append(all, from(before))
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
