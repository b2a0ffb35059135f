package instrumentation

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// queryTimeout bounds how long a scrape waits for a query of the store: Prometheus gives up after 10 s by default.
	queryTimeout = time.Second
	// hangingAfter is how long a query runs until the store is taken to hang. It is below queryTimeout, so that the query after the first one
	// that timed out knows it.
	hangingAfter = queryTimeout * 9 / 10
	// hangingTimeout is queryTimeout while the store hangs. A store that answers some queries, as while one table is locked, does so in time.
	hangingTimeout = queryTimeout / 10
)

var errSlowQuery = errors.New("the store does not answer in time")

// storeQueries runs the queries of scrapes, each once at a time.
type storeQueries struct {
	running singleflight.Group

	mu sync.Mutex
	// begun is when the running ones began.
	begun map[string]time.Time
}

// withinTimeout returns the result of f, or errSlowQuery if that takes longer than a scrape waits. f runs on; scrapes meanwhile wait
// for the same run, so that a store that hangs does not gather queries. While any of the queries hangs, scrapes wait less for all of them:
// otherwise their timeouts would add up.
func withinTimeout[T any](q *storeQueries, name string, f func() (T, error)) (result T, err error) {
	timer := time.NewTimer(q.timeout())
	defer timer.Stop()
	run := q.running.DoChan(name, func() (any, error) {
		q.begin(name)
		defer q.end(name)
		return f()
	})
	select {
	case r := <-run:
		return r.Val.(T), r.Err
	case <-timer.C:
		return result, errSlowQuery
	}
}

func (q *storeQueries) timeout() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, at := range q.begun {
		if time.Since(at) >= hangingAfter {
			return hangingTimeout
		}
	}
	return queryTimeout
}

func (q *storeQueries) begin(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.begun == nil {
		q.begun = map[string]time.Time{}
	}
	q.begun[name] = time.Now()
}

func (q *storeQueries) end(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.begun, name)
}
