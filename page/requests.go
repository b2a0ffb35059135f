package page

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"dora-exporter/dora"
)

const (
	// maxRefused bounds how many reasons are kept.
	maxRefused = 20
	// maxDuplicates bounds of how many deliveries the duplicates are counted.
	maxDuplicates = 4 * maxDeliveries
)

// Requests counts the webhook requests since the start that stored no delivery: refused ones, duplicates and ignored ones.
type Requests struct {
	mu      sync.Mutex
	results map[string]int
	// refused has each reason once, the newest last.
	refused []refusedRequest
	// duplicates has each delivery once, the newest last.
	duplicates []duplicate
}

// refusedRequest are requests that were refused for the same reason.
type refusedRequest struct {
	Source, Result, Why string
	Last                time.Time
	Times               int
}

// duplicate is a delivery that was received again.
type duplicate struct {
	key   string
	last  time.Time
	times int
}

// Count counts a request by its result, such as duplicate or ignored. There are few different results.
func (r *Requests) Count(result string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.results == nil {
		r.results = map[string]int{}
	}
	r.results[result]++
}

// AddRefused keeps why a request was refused. Many requests with the same reason don't displace other reasons.
func (r *Requests) AddRefused(source, result, why string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	same := func(o refusedRequest) bool { return o.Source == source && o.Result == result && o.Why == why }
	r.refused = moveToEnd(r.refused, maxRefused, same, func(before refusedRequest) refusedRequest {
		return refusedRequest{Source: source, Result: result, Why: why, Last: at, Times: before.Times + 1}
	})
}

// AddDuplicate counts a duplicate of the delivery with a key.
func (r *Requests) AddDuplicate(key string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	same := func(d duplicate) bool { return d.key == key }
	r.duplicates = moveToEnd(r.duplicates, maxDuplicates, same, func(before duplicate) duplicate {
		return duplicate{key, at, before.times + 1}
	})
}

// moveToEnd replaces the matching element by an updated copy at the end, and drops the oldest element when the list is full.
func moveToEnd[T any](all []T, limit int, matches func(T) bool, update func(before T) T) []T {
	var before T
	if at := slices.IndexFunc(all, matches); at >= 0 {
		before = all[at]
		all = slices.Delete(all, at, at+1)
	}
	if len(all) == limit {
		all = slices.Delete(all, 0, 1)
	}
	return append(all, update(before))
}

// describeDuplicates describes the duplicates of a delivery; empty if there are none.
func (r *Requests) describeDuplicates(key string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.duplicates, func(d duplicate) bool { return d.key == key })
	if at < 0 {
		return ""
	}
	return fmt.Sprintf("received again %s, last at %s: a duplicate, not counted", dora.FormatTimes(r.duplicates[at].times), dora.FormatTime(r.duplicates[at].last))
}

// count returns how many requests had a result.
func (r *Requests) count(result string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.results[result]
}

// newestRefused returns the reasons of refused requests, the newest first.
func (r *Requests) newestRefused() []refusedRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.refused)
	slices.Reverse(all)
	return all
}
