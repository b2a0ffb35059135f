package sqlite

import (
	"fmt"
	"sync"
	"time"

	"dora-exporter/dora"
)

// leases holds the claims on work that waits in the store. Since only one process serves a database, they are kept in memory: they
// end with the process, and after a start all work can be claimed.
type leases struct {
	mu   sync.Mutex
	held map[work]lease
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
		switch {
		case !now.Before(h.until):
			delete(l.held, w)
		case w.queue == queue:
			leased++
		}
	}
	items, err := due(limit + leased)
	if err != nil {
		return nil, err
	}
	var claimed []T
	for _, item := range items {
		w := work{queue, key(item)}
		if _, leased := l.held[w]; leased {
			continue
		}
		if len(claimed) == limit {
			break
		}
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
		if h, leased := l.held[w]; leased && h.client == client {
			delete(l.held, w)
		}
	}
}

// checkLease returns dora.ErrLeaseLost if another client has claimed a work item.
func (t *tx) checkLease(w work) error {
	t.leases.mu.Lock()
	defer t.leases.mu.Unlock()
	if h, leased := t.leases.held[w]; leased && h.client != t.client {
		return fmt.Errorf("%w: %s %s", dora.ErrLeaseLost, w.queue, w.key)
	}
	return nil
}
