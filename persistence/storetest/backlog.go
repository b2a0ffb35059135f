package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"dora-exporter/dora"
)

// The backlog counts what waits, and can be limited: while as many deliveries are pending as allowed, no other one is accepted.
func backlogRules() rules {
	return rules{
		"count":   backlogIsCounted,
		"limit":   backlogIsLimited,
		"crowd":   backlogIsLimitedInParallel,
		"copies":  fullBacklogTakesNoCopy,
		"undone":  undoneWorkMakesNoRoom,
		"retried": retriedDeadLettersTakeRoom,
	}
}

func backlogIsCounted(t *testing.T, s Store) {
	check := func(what string, want dora.Backlog) {
		t.Helper()
		same(t, what, want, must[dora.Backlog](t)(s.Backlog(t.Context())))
	}
	check("an empty store", dora.Backlog{})
	for i, key := range []string{"a", "b", "c"} {
		d := delivery(key)
		d.Received = minute(i)
		if _, err := s.Accept(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	check("three deliveries", dora.Backlog{Deliveries: 3, Oldest: minute(0)})
	all := peek(t, s.DeliveryQueue(), minute(0))
	update(t, s, func(tx dora.Tx) error {
		if err := tx.Commits().AddLookup(dora.Lookup{Commit: commit("1"), Due: minute(9)}); err != nil {
			return err
		}
		if err := tx.Deliveries().Done(all[0].ID); err != nil {
			return err
		}
		if err := tx.Deliveries().Postpone(all[1].ID, minute(0), minute(9)); err != nil {
			return err
		}
		return tx.Deliveries().SetAside(all[2].ID, 5, "why")
	})
	check("one each is processed, postponed and set aside", dora.Backlog{Deliveries: 1, Oldest: minute(1), SetAside: 1, LookUps: 1})
}

func backlogIsLimited(t *testing.T, s Store) {
	accept(t, s, "a", "b")
	limitTo(t, s, 3)
	accept(t, s, "c")
	full(t, s)
	for _, key := range []string{"a", "c"} {
		if duplicate, err := s.Accept(t.Context(), delivery(key)); err != nil || !duplicate {
			t.Errorf("Accept(%q) while the backlog is full = %t, %v; want a duplicate", key, duplicate, err)
		}
	}
	all := peek(t, s.DeliveryQueue(), minute(0))
	update(t, s, func(tx dora.Tx) error { return tx.Deliveries().Postpone(all[0].ID, minute(0), minute(9)) })
	full(t, s)
	update(t, s, func(tx dora.Tx) error { return tx.Deliveries().Done(all[0].ID) })
	accept(t, s, "d")
	full(t, s)
	update(t, s, func(tx dora.Tx) error { return tx.Deliveries().SetAside(all[1].ID, 5, "why") })
	if err := s.Err(); err != nil {
		t.Errorf("Err = %v with room for one more", err)
	}
	accept(t, s, "e")
	full(t, s)
}

// Many that come at the same time don't slip in above the limit.
func backlogIsLimitedInParallel(t *testing.T, s Store) {
	limitTo(t, s, 10)
	var accepted atomic.Int32
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			if duplicate, err := s.Accept(t.Context(), delivery(fmt.Sprint(i))); err == nil && !duplicate {
				accepted.Add(1)
			}
		})
	}
	wait.Wait()
	same(t, "accepted and pending", []int{10, 10}, []int{int(accepted.Load()), len(pending(t, s, minute(0)))})
	full(t, s)
}

// A delivery that comes several times at once is refused each time: an answer that it is a duplicate would lose it.
func fullBacklogTakesNoCopy(t *testing.T, s Store) {
	accept(t, s, "a")
	limitTo(t, s, 1)
	var wait sync.WaitGroup
	for range 40 {
		wait.Go(func() {
			if duplicate, err := s.Accept(t.Context(), delivery("new")); err == nil {
				t.Errorf("Accept above the limit = %t, <nil>", duplicate)
			}
		})
	}
	wait.Wait()
	same(t, "pending", 1, len(pending(t, s, minute(0))))
}

func undoneWorkMakesNoRoom(t *testing.T, s Store) {
	accept(t, s, "a")
	limitTo(t, s, 1)
	id := peek(t, s.DeliveryQueue(), minute(0))[0].ID
	for _, end := range []func(dora.DeliveryTx) error{
		func(tx dora.DeliveryTx) error { return tx.Done(id) },
		func(tx dora.DeliveryTx) error { return tx.SetAside(id, 5, "why") },
	} {
		err := s.Update(t.Context(), func(tx dora.Tx) error { return errors.Join(end(tx.Deliveries()), errRule) })
		if !errors.Is(err, errRule) {
			t.Fatalf("Update = %v", err)
		}
		full(t, s)
	}
}

// Dead letters that are pending again take the room of others, and make no more of it when they are processed.
func retriedDeadLettersTakeRoom(t *testing.T, s Store) {
	accept(t, s, "a", "b")
	limitTo(t, s, 2)
	for _, d := range peek(t, s.DeliveryQueue(), minute(0)) {
		update(t, s, func(tx dora.Tx) error { return tx.Deliveries().SetAside(d.ID, 5, "why") })
	}
	if n, err := s.RetryDeadLetters(t.Context()); n != 2 || err != nil {
		t.Fatalf("RetryDeadLetters = %d, %v; want 2", n, err)
	}
	for _, d := range peek(t, s.DeliveryQueue(), minute(0)) {
		update(t, s, func(tx dora.Tx) error { return tx.Deliveries().Done(d.ID) })
	}
	accept(t, s, "c", "d")
	full(t, s)
}

func limitTo(t *testing.T, s Store, n int) {
	t.Helper()
	if err := s.LimitBacklog(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

// full fails if another delivery is accepted.
func full(t *testing.T, s Store) {
	t.Helper()
	if _, err := s.Accept(t.Context(), delivery("one more")); err == nil {
		t.Error("Accept succeeded above the limit")
	}
	if s.Err() == nil {
		t.Error("Err = nil above the limit")
	}
}
