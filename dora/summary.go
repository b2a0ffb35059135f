package dora

import (
	"sync"
	"time"
)

// Summary limits how often something is reported that others can cause at any rate, such as a log line about a refused request.
// The first occurrence of a key is reported at once. While others follow, there is one report per interval with their number.
// Memory grows with the number of distinct keys, so keys must not come from outside. Its methods are safe for concurrent use.
type Summary[K comparable, V any] struct {
	every  time.Duration
	report func(key K, n int, newest V)

	mu   sync.Mutex
	open map[K]*occurrences[V]
}

// occurrences counts the occurrences of a key since its last report.
type occurrences[V any] struct {
	n      int
	newest V
}

// NewSummary returns a Summary that reports each key at most once per interval, with the number of occurrences since the last
// report and the newest of them. Reports are made one at a time.
func NewSummary[K comparable, V any](every time.Duration, report func(key K, n int, newest V)) *Summary[K, V] {
	return &Summary[K, V]{every: every, report: report, open: map[K]*occurrences[V]{}}
}

// Add adds an occurrence.
func (s *Summary[K, V]) Add(key K, v V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.open[key]; ok {
		o.n, o.newest = o.n+1, v
		return
	}
	s.open[key] = &occurrences[V]{}
	s.report(key, 1, v)
	time.AfterFunc(s.every, func() { s.next(key) })
}

// next reports the occurrences of an interval and starts another one, unless there were none.
func (s *Summary[K, V]) next(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.open[key]; o.n == 0 {
		delete(s.open, key)
		return
	}
	s.flush(key)
	time.AfterFunc(s.every, func() { s.next(key) })
}

// Flush reports the occurrences that are not reported yet.
func (s *Summary[K, V]) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.open {
		s.flush(key)
	}
}

func (s *Summary[K, V]) flush(key K) {
	o := s.open[key]
	if o.n == 0 {
		return
	}
	s.report(key, o.n, o.newest)
	*o = occurrences[V]{}
}
