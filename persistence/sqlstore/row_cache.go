package sqlstore

import (
	"maps"
	"sync"
)

// rowCache caches rows for the transactions of the writer, which alone changes them.
type rowCache[K comparable, V any] struct {
	// limit bounds the memory.
	limit int
	// committed is shared by all transactions; found has what the running one has read or written.
	committed, found map[K]V
	// mu is held by the writer while it changes committed, and by others while they read it.
	mu sync.RWMutex
}

func newRowCache[K comparable, V any](limit int) *rowCache[K, V] {
	return &rowCache[K, V]{limit: limit, committed: map[K]V{}, found: map[K]V{}}
}

func (c *rowCache[K, V]) get(key K) (row V, ok bool) {
	if row, ok = c.found[key]; !ok {
		row, ok = c.committed[key]
	}
	return row, ok
}

// getCommitted returns a row as it is committed. Unlike the other methods it is not only for the writer.
func (c *rowCache[K, V]) getCommitted(key K) (row V, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	row, ok = c.committed[key]
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
}

// clear forgets all rows.
func (c *rowCache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.committed)
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
	c.mu.Lock()
	if len(c.committed) > c.limit {
		c.committed = map[K]V{}
	}
	if len(c.found) <= c.limit {
		maps.Copy(c.committed, c.found)
	}
	c.mu.Unlock()
	c.rollback()
}
