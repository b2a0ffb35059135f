package storetest

import (
	"fmt"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Work is due by the store's clock alone: if its time is not after the now that the client gives. An engine reads no other clock,
// and never changes when something is due by itself, neither at a start nor when the clock of the machine was set.
func dueRules() rules {
	return rules{
		"boundary": onEveryQueue(dueAtItsTime),
		"far":      onEveryQueue(dueFarFromNow),
		"order":    onEveryQueue(longestDueFirst),
		"reopened": dueAfterReopen,
	}
}

func dueAtItsTime(t *testing.T, s Store, q queue, a, _ work) {
	q.add(t, s, minute(1), "1")
	same(t, "a millisecond before", 0, len(a.claim(t, minute(1).Add(-time.Millisecond), time.Minute, 9)))
	same(t, "at its time", []string{"1"}, a.claim(t, minute(1), time.Minute, 9))
}

// Neither the future nor the past of the machine's clock matters.
func dueFarFromNow(t *testing.T, s Store, q queue, a, _ work) {
	years := []int{1971, 2026, 2999}
	for _, year := range years {
		q.add(t, s, time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC), fmt.Sprint(year))
	}
	for _, year := range years {
		name, at := fmt.Sprint(year), time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)
		same(t, "before "+name, 0, len(a.claim(t, at.Add(-time.Millisecond), time.Minute, 9)))
		same(t, "in "+name, []string{name}, a.claim(t, at, time.Minute, 9))
		update(t, s.Client("a"), func(tx dora.Tx) error { return a.end(tx, name) })
		a.release(t, name)
	}
}

func longestDueFirst(t *testing.T, s Store, q queue, a, _ work) {
	q.add(t, s, minute(3), "1")
	q.add(t, s, minute(1), "2")
	q.add(t, s, minute(4), "3")
	q.add(t, s, minute(2), "4")
	same(t, "the first two", []string{"2", "4"}, a.claim(t, minute(9), time.Minute, 2))
	same(t, "the others", []string{"1", "3"}, a.claim(t, minute(9), time.Minute, 9))
}

// A restart changes no due time, however far the store's clock is from the machine's.
func dueAfterReopen(t *testing.T, s Store) {
	dues := map[string]time.Time{"past": time.UnixMilli(1), "now": time.Now(), "future": time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, q := range queues() {
		for name, due := range dues {
			q.add(t, s, due.Truncate(time.Millisecond), q.name+" "+name)
		}
	}
	s = s.Reopen(t)
	for _, q := range queues() {
		w := q.open(s)
		for _, name := range []string{"past", "now", "future"} {
			due := dues[name].Truncate(time.Millisecond)
			same(t, q.name+" before "+name, 0, len(w.claim(t, due.Add(-time.Millisecond), time.Second, 9)))
			same(t, q.name+" at "+name, []string{q.name + " " + name}, w.claim(t, due, time.Second, 9))
			update(t, s, func(tx dora.Tx) error { return w.end(tx, q.name+" "+name) })
			w.release(t, q.name+" "+name)
		}
	}
}
