package storetest

import (
	"errors"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Work is claimed with a lease. Until the lease lapses or is released nobody else gets it; who has lost it can't end the work.
func claimRules() rules {
	return rules{
		"exclusive": onEveryQueue(claimsAreExclusive),
		"lapse":     onEveryQueue(leasesLapse),
		"extend":    onEveryQueue(leasesAreExtended),
		"release":   onEveryQueue(leasesAreReleased),
		"lost":      onEveryQueue(lostLeases),
		"ended":     onEveryQueue(endedWork),
		"revive":    onEveryQueue(endedWorkIsNotRevived),
		"later":     onEveryQueue(workForLater),
		"odd":       onEveryQueue(oddlyNamedWork),
		"apart":     queuesAreApart,
	}
}

// onEveryQueue runs a rule for each kind of work, with two clients.
func onEveryQueue(rule func(t *testing.T, s Store, q queue, a, b work)) func(t *testing.T, s Store) {
	return func(t *testing.T, s Store) {
		a, b := s.Client("a"), s.Client("b")
		for _, q := range queues() {
			t.Run(q.name, func(t *testing.T) { rule(t, s, q, q.open(a), q.open(b)) })
		}
	}
}

func claimsAreExclusive(t *testing.T, s Store, q queue, a, b work) {
	for i, name := range []string{"1", "2", "3", "4"} {
		q.add(t, s, minute(i), name)
	}
	same(t, "the first client's", []string{"1", "2"}, a.claim(t, minute(4), time.Hour, 2))
	same(t, "the second client's", []string{"3"}, b.claim(t, minute(4), time.Hour, 1))
	same(t, "the first client's rest", []string{"4"}, a.claim(t, minute(4), time.Hour, 9))
	same(t, "what is left", 0, len(b.claim(t, minute(4), time.Hour, 9))+len(a.claim(t, minute(4), time.Hour, 9)))
	same(t, "with a limit of 0", 0, len(b.claim(t, minute(99), time.Hour, 0)))
}

// A lease lapses at now+lease, for other clients and for its own.
func leasesLapse(t *testing.T, s Store, q queue, a, b work) {
	q.add(t, s, minute(0), "1", "2")
	a.claim(t, minute(0), time.Minute, 1)
	b.claim(t, minute(0), time.Hour, 1)
	same(t, "a moment before", 0, len(b.claim(t, minute(1).Add(-time.Millisecond), time.Hour, 9)))
	same(t, "at the end of the lease", []string{"1"}, b.claim(t, minute(1), time.Minute, 9))
	same(t, "before the second lease lapses", 0, len(a.claim(t, minute(1), time.Hour, 9)))
	same(t, "when the second lease lapses", []string{"1"}, b.claim(t, minute(2), time.Minute, 9))
}

// Extend prolongs the leases that a client holds, from the new now, and no others.
func leasesAreExtended(t *testing.T, s Store, q queue, a, b work) {
	q.add(t, s, minute(0), "1", "2")
	a.claim(t, minute(0), 2*time.Minute, 9)
	a.extend(t, minute(1), 2*time.Minute, "1")
	same(t, "at the end of the first lease", []string{"2"}, b.claim(t, minute(2), time.Minute, 9))
	a.extend(t, minute(2), time.Hour, "2") // which it has lost
	same(t, "at the end of the extended leases", []string{"1", "2"}, b.claim(t, minute(3), time.Minute, 9))
}

// Release gives up what a client holds, and nothing of others.
func leasesAreReleased(t *testing.T, s Store, q queue, a, b work) {
	q.add(t, s, minute(0), "1", "2")
	a.claim(t, minute(0), time.Minute, 9)
	same(t, "after the lapse", []string{"1", "2"}, b.claim(t, minute(1), time.Hour, 9))
	a.release(t, "1", "2")
	same(t, "after others released it", 0, len(a.claim(t, minute(2), time.Hour, 9)))
	b.release(t, "2")
	same(t, "after its client released it", []string{"2"}, a.claim(t, minute(2), time.Hour, 9))
	b.release(t, "2")
	same(t, "after it was released twice", 0, len(b.claim(t, minute(2), time.Hour, 9)))
}

// A transaction that ends or postpones work which another client has claimed fails as a whole, and may succeed later.
func lostLeases(t *testing.T, s Store, q queue, a, b work) {
	q.add(t, s, minute(0), "1")
	a.claim(t, minute(0), time.Minute, 1)
	b.claim(t, minute(1), time.Hour, 1)
	first, second := s.Client("a"), s.Client("b")
	before := must[int64](t)(s.LastPosition(t.Context()))
	for name, change := range map[string]func(tx dora.Tx) error{
		"end":   func(tx dora.Tx) error { return a.end(tx, "1") },
		"again": func(tx dora.Tx) error { return a.again(tx, "1", minute(5)) },
	} {
		err := first.Update(t.Context(), func(tx dora.Tx) error {
			if _, err := tx.Facts().Add(fact(q.name + name)); err != nil {
				return err
			}
			return change(tx)
		})
		if !errors.Is(err, dora.ErrLeaseLost) {
			t.Errorf("%s of lost work = %v, want ErrLeaseLost", name, err)
		}
	}
	err := s.Client("c").Update(t.Context(), func(tx dora.Tx) error { return b.end(tx, "1") })
	if !errors.Is(err, dora.ErrLeaseLost) {
		t.Errorf("ending what another client holds = %v, want ErrLeaseLost", err)
	}
	same(t, "LastPosition after the failed transactions", before, must[int64](t)(s.LastPosition(t.Context())))
	update(t, second, func(tx dora.Tx) error { return b.again(tx, "1", minute(5)) })
	b.release(t, "1")
	same(t, "when it is due again", []string{"1"}, a.claim(t, minute(5), time.Hour, 9))
	update(t, first, func(tx dora.Tx) error { return a.end(tx, "1") })
	a.release(t, "1")
	same(t, "at the end", 0, len(b.claim(t, minute(999), time.Hour, 9)))
}

// Work that a transaction has ended is never claimed again, before and after its lease is released.
func endedWork(t *testing.T, s Store, q queue, a, b work) {
	q.add(t, s, minute(0), "1", "2")
	same(t, "claimed", []string{"1", "2"}, a.claim(t, minute(0), time.Minute, 9))
	update(t, s.Client("a"), func(tx dora.Tx) error { return a.end(tx, "1") })
	same(t, "after the lapse", []string{"2"}, b.claim(t, minute(1), time.Minute, 9))
	a.release(t, "1")
	same(t, "after the release", 0, len(a.claim(t, minute(1), time.Minute, 9)))
	b.release(t, "2")
	update(t, s.Client("b"), func(tx dora.Tx) error { return b.end(tx, "2") }) // which nobody has claimed since
	same(t, "work that was ended without a lease", 0, len(b.claim(t, minute(9), time.Minute, 9)))
}

// A client that has lost its lease can't postpone what another one has ended, although nobody holds it any more.
func endedWorkIsNotRevived(t *testing.T, s Store, q queue, a, b work) {
	q.add(t, s, minute(0), "1")
	a.claim(t, minute(0), time.Minute, 1)
	b.claim(t, minute(1), time.Minute, 1)
	update(t, s.Client("b"), func(tx dora.Tx) error { return b.end(tx, "1") })
	b.release(t, "1")
	err := s.Client("a").Update(t.Context(), func(tx dora.Tx) error { return a.again(tx, "1", minute(2)) })
	if !errors.Is(err, dora.ErrLeaseLost) {
		t.Errorf("postponing what another client has ended = %v, want ErrLeaseLost", err)
	}
	same(t, "afterwards", 0, len(b.claim(t, minute(9), time.Minute, 9)))
}

// Postponed work can be claimed when it is due again and its lease has ended: not earlier for either reason.
func workForLater(t *testing.T, s Store, q queue, a, b work) {
	q.add(t, s, minute(0), "1")
	a.claim(t, minute(0), 4*time.Minute, 1)
	update(t, s.Client("a"), func(tx dora.Tx) error { return a.again(tx, "1", minute(2)) })
	same(t, "while it is leased", 0, len(b.claim(t, minute(3), time.Minute, 9)))
	a.release(t, "1")
	same(t, "before it is due", 0, len(b.claim(t, minute(2).Add(-time.Millisecond), time.Minute, 9)))
	same(t, "when it is due", []string{"1"}, b.claim(t, minute(2), time.Minute, 9))
	update(t, s.Client("b"), func(tx dora.Tx) error { return b.end(tx, "1") }) // evaluations would wait for a delivery
}

// The names of work are arbitrary.
func oddlyNamedWork(t *testing.T, s Store, q queue, a, b work) {
	names := oddNames()
	for i, name := range names {
		q.add(t, s, minute(i), name)
	}
	same(t, "all", names, a.claim(t, minute(999), time.Hour, limit))
	same(t, "what is left", 0, len(b.claim(t, minute(999), time.Hour, limit)))
	for i := 0; i < len(names); i += 2 {
		update(t, s.Client("a"), func(tx dora.Tx) error { return a.end(tx, names[i]) })
	}
	a.release(t, names...)
	var want []string
	for i := 1; i < len(names); i += 2 {
		want = append(want, names[i])
	}
	same(t, "those that were not ended", want, b.claim(t, minute(999), time.Hour, limit))
}

// Items of the same name in different queues are different work.
func queuesAreApart(t *testing.T, s Store) {
	a, b := s.Client("a"), s.Client("b")
	for _, q := range queues() {
		q.add(t, s, minute(0), "1")
	}
	for _, q := range queues() {
		w := q.open(a)
		same(t, q.name, []string{"1"}, w.claim(t, minute(0), time.Hour, 9))
		update(t, a, func(tx dora.Tx) error { return w.end(tx, "1") })
		w.release(t, "1")
		same(t, q.name+" at the end", 0, len(q.open(b).claim(t, minute(0), time.Hour, 9)))
	}
}
