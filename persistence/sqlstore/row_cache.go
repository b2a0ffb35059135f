package sqlstore

import (
	"maps"
	"sync"
)

// rowCache caches rows for the transactions of the writer, which alone changes them.
type rowCache[K comparable, V any] struct {
	// limit bounds how many rows are cached for all transactions.
	limit int
	// committed and older are shared by all transactions: when committed has half of the limit, it becomes older, and what has not been used since
	// the last time is forgotten. found has what the running transaction has read or written.
	committed, older, found map[K]V
	// mu is held by the writer while it changes committed and older, and by others while they read them.
	mu sync.RWMutex
}

func newRowCache[K comparable, V any](limit int) *rowCache[K, V] {
	return &rowCache[K, V]{limit: limit, committed: map[K]V{}, older: map[K]V{}, found: map[K]V{}}
}

func (c *rowCache[K, V]) get(key K) (row V, ok bool) {
	if row, ok = c.found[key]; ok {
		return row, true
	}
	if row, ok = c.committed[key]; ok {
		return row, true
	}
	if row, ok = c.older[key]; ok {
		c.found[key] = row
	}
	return row, ok
}

// getCommitted returns a row as it is committed. Unlike the other methods it is not only for the writer.
func (c *rowCache[K, V]) getCommitted(key K) (row V, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if row, ok = c.committed[key]; !ok {
		row, ok = c.older[key]
	}
	return row, ok
}

// add caches a row that was read or inserted.
func (c *rowCache[K, V]) add(key K, row V) { c.found[key] = row }

// set caches a row that was changed. If the change is rolled back, the row has to be read again.
func (c *rowCache[K, V]) set(key K, row V) {
	c.forget(key)
	c.found[key] = row
}

// remove forgets a row.
func (c *rowCache[K, V]) remove(key K) {
	c.forget(key)
	delete(c.found, key)
}

func (c *rowCache[K, V]) forget(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.committed, key)
	delete(c.older, key)
}

// clear forgets all rows.
func (c *rowCache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.committed)
	clear(c.older)
	clear(c.found)
}

// rollback forgets what the running transaction has found: some of it may have been rolled back.
func (c *rowCache[K, V]) rollback() {
	if len(c.found) > c.limit/100 {
		c.found = map[K]V{} // a map never shrinks
	}
	clear(c.found)
}

// commit keeps what the running transaction has found, unless that is more than the cache holds.
func (c *rowCache[K, V]) commit() {
	if len(c.found) == 0 {
		return
	}
	if len(c.found) <= c.limit/2 {
		c.mu.Lock()
		if len(c.committed)+len(c.found) > c.limit/2 {
			c.committed, c.older = map[K]V{}, c.committed
		}
		maps.Copy(c.committed, c.found)
		c.mu.Unlock()
	}
	c.rollback()
}
