package sqlstore

import (
	"fmt"
	"sync"
	"time"

	"dora-exporter/dora"
)

// leases holds the claims on work that waits in the store. Since only one process serves a database, they are kept in memory: they
// end with the process, and after a start all work can be claimed.
type leases struct {
	mu sync.Mutex
	// held are the leases, also those that have lapsed, until they are released or another client claims the work.
	held map[work]lease
	// lost are the works that clients had claimed and another one has claimed since, until they release or claim them again.
	lost map[lostWork]bool
	// ending counts the transactions under way that end or postpone a work. Until their outcome is known nobody can claim it,
	// even if the lease has lapsed.
	ending map[work]int
}

// lostWork is work that a client has claimed and lost.
type lostWork struct {
	client string
	work   work
}

func newLeases() leases {
	return leases{held: map[work]lease{}, lost: map[lostWork]bool{}, ending: map[work]int{}}
}

// work names an item of a queue.
type work struct{ queue, key string }

// lease is the claim of a client.
type lease struct {
	client string
	until  time.Time
}

// claim leases up to limit of the items that due returns to a client. It asks due for as many more as are leased already. It holds
// the mutex that release takes after a commit, so it never returns an item that has been done meanwhile.
func claim[T any](l *leases, client, queue string, now, until time.Time, limit int, key func(T) string, due func(limit int) ([]T, error)) ([]T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	leased := 0
	for w, h := range l.held {
		if w.queue == queue && now.Before(h.until) {
			leased++
		}
	}
	items, err := due(limit + leased + len(l.ending))
	if err != nil {
		return nil, err
	}
	var claimed []T
	for _, item := range items {
		w := work{queue, key(item)}
		h, claimedBefore := l.held[w]
		if claimedBefore && now.Before(h.until) || l.ending[w] > 0 {
			continue
		}
		if len(claimed) == limit {
			break
		}
		if claimedBefore && h.client != client {
			l.lost[lostWork{h.client, w}] = true
		}
		delete(l.lost, lostWork{client, w})
		l.held[w] = lease{client, until}
		claimed = append(claimed, item)
	}
	return claimed, nil
}

// extend renews the leases that a client holds.
func (l *leases) extend(client string, until time.Time, all ...work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range all {
		if h, leased := l.held[w]; leased && h.client == client {
			l.held[w] = lease{client, until}
		}
	}
}

// release gives up the leases that a client holds.
func (l *leases) release(client string, all ...work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range all {
		delete(l.lost, lostWork{client, w})
		if h, leased := l.held[w]; leased && h.client == client {
			delete(l.held, w)
		}
	}
}

// end forgets the transactions under way that were to end works.
func (l *leases) end(all []work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range all {
		if l.ending[w]--; l.ending[w] == 0 {
			delete(l.ending, w)
		}
	}
}

// checkLease returns an error if another client has claimed a work, even if that one has ended and released it since. Otherwise
// nobody can claim it until the transaction has ended. ends is true if the transaction ends it, false if it postpones it.
func (t *tx) checkLease(w work, ends bool) error {
	if t.shared != nil {
		return t.checkShared(w, ends)
	}
	t.leases.mu.Lock()
	defer t.leases.mu.Unlock()
	if h, leased := t.leases.held[w]; leased && h.client != t.client || t.leases.lost[lostWork{t.client, w}] {
		return fmt.Errorf("%w: %s %s", dora.ErrLeaseLost, w.queue, w.key)
	}
	t.leases.ending[w]++
	*t.ending = append(*t.ending, w)
	return nil
}
