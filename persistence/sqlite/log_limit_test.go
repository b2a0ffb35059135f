package sqlite

import (
	"testing"
	"time"
)

// The limit is long after many quick commits in a row, until one is slow.
func TestLogLimit(t *testing.T) {
	l := newLogLimit()
	for round := range 2 {
		for n := range quickCommits {
			if changed, want := l.committed(slowCommit), n == quickCommits-1; changed != want {
				t.Fatalf("round %d: quick commit %d changes the limit: %t, want %t", round, n, changed, want)
			}
		}
		if l.committed(time.Millisecond) || l.pages != 4000 {
			t.Fatalf("round %d: %d pages after many quick commits", round, l.pages)
		}
		if !l.committed(slowCommit+1) || l.pages != 1000 || l.committed(time.Second) {
			t.Fatalf("round %d: %d pages after a slow commit", round, l.pages)
		}
	}
}

// SQLite has the limit.
func TestLogLimitOfConnection(t *testing.T) {
	c, err := openConnection(openStore(t).path, writeCache)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, test := range []struct{ quick, want int }{{0, 1000}, {quickCommits, 4000}} {
		c.log.quick = test.quick
		if _, _, err := c.Begin(); err != nil {
			t.Fatal(err)
		}
		if err := c.Commit(true); err != nil {
			t.Fatal(err)
		}
		var pages int
		if err := c.queryRow("PRAGMA wal_autocheckpoint", nil, &pages); err != nil || pages != test.want {
			t.Errorf("after %d quick commits: %d pages, %v, want %d", test.quick, pages, err, test.want)
		}
	}
}
