package storetest

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Deliveries are stored once by their keys, keep what they were stored with, and are pending in the order of arrival until a
// transaction ends their processing.
func deliveryRules() rules {
	return rules{
		"order":     deliveriesInOrder,
		"postponed": postponedAfterTheOthers,
		"once":      deliveriesOnce,
		"parallel":  deliveriesOnceInParallel,
		"content":   deliveriesKeepTheirContent,
		"unknown":   unknownDeliveries,
		"arrivals":  arrivalsDuringAnUpdate,
	}
}

// Keys are arbitrary texts, and their order is not that of arrival.
func deliveriesInOrder(t *testing.T, s Store) {
	want := oddNames()
	slices.Reverse(want)
	accept(t, s, want...)
	same(t, "pending", want, pending(t, s, minute(0)))
	claimed := must[[]dora.Delivery](t)(s.DeliveryQueue().Claim(t.Context(), minute(0), time.Minute, 2))
	if len(claimed) != 2 || claimed[0].Key != want[0] || claimed[1].Key != want[1] || claimed[0].ID >= claimed[1].ID {
		t.Errorf("the first two are %+v, want %q with rising IDs", claimed, want[:2])
	}
}

// A delivery that arrives during an update waits for its end, or the update does not hold it up.
func arrivalsDuringAnUpdate(t *testing.T, s Store) {
	accepted := make(chan error, 1)
	accept := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // in case that it waits for the update, which waits for it
		defer cancel()
		_, err := s.Accept(ctx, delivery("arrives"))
		accepted <- err
	}
	update(t, s, func(dora.Tx) error {
		go accept()
		if !s.DeliveriesWait() {
			return <-accepted
		}
		select {
		case err := <-accepted:
			t.Errorf("Accept returned during the update: %v", err)
			accepted <- nil
		case <-time.After(100 * time.Millisecond): // a store whose deliveries don't wait mostly needs less
		}
		return nil
	})
	if s.DeliveriesWait() {
		if err := <-accepted; err != nil {
			t.Errorf("Accept after the update: %v", err)
		}
	}
	same(t, "pending", []string{"arrives"}, pending(t, s, minute(0)))
}

func postponedAfterTheOthers(t *testing.T, s Store) {
	accept(t, s, "a", "b", "c", "d", "e")
	ids := map[string]int64{}
	for _, d := range peek(t, s.DeliveryQueue(), minute(0)) {
		ids[d.Key] = d.ID
	}
	update(t, s, func(tx dora.Tx) error {
		if err := tx.Deliveries().Postpone(ids["a"], minute(0), minute(3)); err != nil {
			return err
		}
		if err := tx.Deliveries().Retry(ids["b"], 1, 0, "a rule failed", minute(2)); err != nil {
			return err
		}
		return tx.Deliveries().Done(ids["d"])
	})
	same(t, "before any is due again", []string{"c", "e"}, pending(t, s, minute(1)))
	same(t, "when the first is due again", []string{"c", "e", "b"}, pending(t, s, minute(2)))
	same(t, "when both are due again", []string{"c", "e", "b", "a"}, pending(t, s, minute(9)))
}

func deliveriesOnce(t *testing.T, s Store) {
	accept(t, s, "a", "A", "a ")
	again := delivery("a")
	again.Received, again.Event.Status.State = minute(9), "failure"
	if duplicate, err := s.Accept(t.Context(), again); err != nil || !duplicate {
		t.Errorf("Accept of the same key = %t, %v; want a duplicate", duplicate, err)
	}
	all := peek(t, s.DeliveryQueue(), minute(0))
	if len(all) != 3 || all[0].Event.Status.State != "success" || !all[0].Received.Equal(minute(0)) {
		t.Errorf("pending are %+v, want the three first ones", all)
	}
	update(t, s, func(tx dora.Tx) error { return tx.Deliveries().Done(all[0].ID) })
	if duplicate, err := s.Accept(t.Context(), again); err != nil || !duplicate {
		t.Errorf("Accept of a processed delivery = %t, %v; want a duplicate", duplicate, err)
	}
	same(t, "pending after the first is processed", []string{"A", "a "}, pending(t, s, minute(0)))
}

func deliveriesOnceInParallel(t *testing.T, s Store) {
	var stored atomic.Int32
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			duplicate, err := s.Accept(t.Context(), delivery("same"))
			if err != nil {
				t.Error(err)
			}
			if !duplicate {
				stored.Add(1)
			}
		})
	}
	wait.Wait()
	if n := stored.Load(); n != 1 {
		t.Errorf("%d were no duplicates, want 1", n)
	}
	same(t, "pending", []string{"same"}, pending(t, s, minute(0)))
}

func deliveriesKeepTheirContent(t *testing.T, s Store) {
	name := "a \"b\" <c> \x00é🙂"
	want := []dora.Delivery{
		{Source: dora.GitHub, Key: "status", Received: minute(0), Event: dora.Event{Status: &dora.Status{
			Deployment: dora.Deployment{ID: 1 << 60, Environment: name, CreatedAt: minute(-60)}, ID: 7, State: "error", CreatedAt: minute(1),
		}}},
		{Source: dora.GitHub, Key: "deployment", Received: time.Time{}, Event: dora.Event{Deployment: &dora.Deployment{Repository: name}}},
		{Source: dora.Jira, Key: "incident", Received: time.UnixMilli(-1).UTC(), Event: dora.Event{Incident: &dora.IncidentChange{
			Event: "jira:issue_created", ID: "10001", Key: name, Created: minute(-1), References: []dora.Reference{{Commit: "abc1234"}},
		}}},
	}
	for _, d := range want {
		if _, err := s.Accept(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	got := peek(t, s.DeliveryQueue(), minute(0))
	for i := range min(len(want), len(got)) {
		want[i].ID = got[i].ID
	}
	same(t, "what was accepted", want, got)
	update(t, s, func(tx dora.Tx) error {
		if err := tx.Deliveries().Postpone(got[0].ID, minute(3), minute(4)); err != nil {
			return err
		}
		return tx.Deliveries().Retry(got[0].ID, 5, 2, "why", minute(4))
	})
	want[0].WaitingSince, want[0].Attempts, want[0].StoreFailures = minute(3), 5, 2
	same(t, "what was postponed and failed", []dora.Delivery{want[1], want[2], want[0]}, peek(t, s.DeliveryQueue(), minute(4)))
}

// Ending the processing of a delivery that is not pending is an error, and not one that may pass: there is none with the ID, or it
// has been processed or set aside.
func unknownDeliveries(t *testing.T, s Store) {
	ids := setAside(t, s, "dead")
	accept(t, s, "done", "a")
	done := peek(t, s.DeliveryQueue(), minute(0))[0].ID
	update(t, s, func(tx dora.Tx) error { return tx.Deliveries().Done(done) })
	for _, id := range []int64{1 << 40, 0, -1, done, ids["dead"]} {
		for name, change := range map[string]func(dora.DeliveryTx) error{
			"Done":     func(tx dora.DeliveryTx) error { return tx.Done(id) },
			"Postpone": func(tx dora.DeliveryTx) error { return tx.Postpone(id, minute(0), minute(1)) },
			"Retry":    func(tx dora.DeliveryTx) error { return tx.Retry(id, 1, 0, "why", minute(1)) },
			"SetAside": func(tx dora.DeliveryTx) error { return tx.SetAside(id, 1, "why") },
		} {
			err := s.Update(t.Context(), func(tx dora.Tx) error { return change(tx.Deliveries()) })
			permanentError(t, name+" of a delivery that is not pending", err)
		}
	}
	same(t, "pending", []string{"a"}, pending(t, s, minute(0)))
	same(t, "Backlog", dora.Backlog{Deliveries: 1, Oldest: minute(0), SetAside: 1}, must[dora.Backlog](t)(s.Backlog(t.Context())))
}
