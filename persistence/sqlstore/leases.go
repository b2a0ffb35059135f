package sqlstore

import (
	"fmt"
	"slices"
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

// source reads what is due in a queue, the longest due first.
type source[T any] struct {
	// keys returns the keys of at most limit items.
	keys func(limit int) ([]string, error)
	// items returns the items with some keys, in any order, without those that are gone.
	items func(keys []string) ([]T, error)
	key   func(T) string
}

// claim leases up to limit of the items of a queue that are due to a client. It asks for the keys of as many more as are leased already, which
// are most of what is due while the client is busy, and reads the items that it claims alone. It holds the mutex that release takes after a
// commit, so it never returns an item that has been done meanwhile.
func claim[T any](l *leases, client, queue string, now, until time.Time, limit int, due source[T]) ([]T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	keys, err := due.keys(limit + l.leased(queue, now) + len(l.ending))
	if err != nil {
		return nil, err
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return !l.isFree(work{queue, key}, now) })
	keys = keys[:min(len(keys), limit)]
	if len(keys) == 0 {
		return nil, nil
	}
	items, err := due.items(keys)
	if err != nil {
		return nil, err
	}
	byKey := map[string]T{}
	for _, item := range items {
		byKey[due.key(item)] = item
	}
	var claimed []T
	for _, key := range keys {
		if item, found := byKey[key]; found { // it may just have moved to another scope, or can't be decoded
			l.hold(client, work{queue, key}, until)
			claimed = append(claimed, item)
		}
	}
	return claimed, nil
}

// leased returns how many works of a queue are leased.
func (l *leases) leased(queue string, now time.Time) (n int) {
	for w, h := range l.held {
		if w.queue == queue && now.Before(h.until) {
			n++
		}
	}
	return n
}

func (l *leases) isFree(w work, now time.Time) bool {
	h, leased := l.held[w]
	return (!leased || !now.Before(h.until)) && l.ending[w] == 0
}

// hold leases a work to a client. Another client whose lease has lapsed has lost it.
func (l *leases) hold(client string, w work, until time.Time) {
	if h, leased := l.held[w]; leased && h.client != client {
		l.lost[lostWork{h.client, w}] = true
	}
	delete(l.lost, lostWork{client, w})
	l.held[w] = lease{client, until}
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
