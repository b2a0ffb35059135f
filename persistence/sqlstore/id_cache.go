package sqlstore

import "maps"

// maxCachedIDs limits the memory of an idCache.
const maxCachedIDs = 10_000

// idCache caches ids of rows that are never changed or removed, or that they are there, for the transactions of the writer.
type idCache[K comparable] struct {
	// committed is shared by all transactions; found has those that the running one has read or added.
	committed, found map[K]int64
}

func newIDCache[K comparable]() *idCache[K] {
	return &idCache[K]{committed: map[K]int64{}, found: map[K]int64{}}
}

func (c *idCache[K]) get(key K) (id int64, ok bool) {
	if id, ok = c.committed[key]; !ok {
		id, ok = c.found[key]
	}
	return id, ok
}

func (c *idCache[K]) add(key K, id int64) { c.found[key] = id }

// rollback forgets what the running transaction has found: some of it may have been rolled back.
func (c *idCache[K]) rollback() { clear(c.found) }

// commit keeps what the running transaction has found.
func (c *idCache[K]) commit() {
	if len(c.committed) > maxCachedIDs {
		clear(c.committed)
	}
	maps.Copy(c.committed, c.found)
	clear(c.found)
}
