package sqlite

import "testing"

// The connection for writing has a small cache until the values are restored. A connection that replaces it keeps the size.
func TestWriteCache(t *testing.T) {
	s := openStore(t)
	expectCache := func(c *connection, kib int) {
		t.Helper()
		var size int
		if err := c.queryRow("PRAGMA cache_size", nil, &size); err != nil || size != -kib {
			t.Errorf("cache_size is %d, want %d (%v)", size, -kib, err)
		}
	}
	reconnected := func() *connection {
		t.Helper()
		c, err := s.engine.Connect()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return s.engine.connection
	}
	first := s.engine.connection
	expectCache(first, restoreCache)
	expectCache(reconnected(), restoreCache)
	s.engine.connection = first
	if err := s.ReleaseMemory(t.Context()); err != nil {
		t.Fatal(err)
	}
	expectCache(first, writeCache)
	expectCache(reconnected(), writeCache)
}
