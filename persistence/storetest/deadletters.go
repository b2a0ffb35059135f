package storetest

import (
	"testing"

	"dora-exporter/dora"
)

// A dead letter is not pending until a person has it retried, or its sender delivers it again.
func deadLetterRules() rules {
	return rules{
		"listed":      deadLettersAreListed,
		"retry":       deadLettersAreRetried,
		"redelivered": deadLettersAreReplaced,
	}
}

// setAside stores deliveries and makes dead letters of them. It returns their IDs by their keys.
func setAside(t *testing.T, s Store, keys ...string) map[string]int64 {
	t.Helper()
	accept(t, s, keys...)
	ids := map[string]int64{}
	for _, d := range peek(t, s.DeliveryQueue(), minute(0)) {
		ids[d.Key] = d.ID
	}
	update(t, s, func(tx dora.Tx) error {
		for _, key := range keys {
			if err := tx.Deliveries().Retry(ids[key], 4, 2, "why", minute(0)); err != nil {
				return err
			}
			if err := tx.Deliveries().SetAside(ids[key], 5, "why\n"+key); err != nil {
				return err
			}
		}
		return nil
	})
	return ids
}

func deadLettersAreListed(t *testing.T, s Store) {
	accept(t, s, "pending")
	ids := setAside(t, s, "b", "a")
	same(t, "pending", []string{"pending"}, pending(t, s, minute(0)))
	want := make([]dora.StoredDelivery, 2)
	for i, key := range []string{"b", "a"} {
		want[i].Delivery = dora.Delivery{ID: ids[key], Source: dora.GitHub, Key: key, Received: minute(0), Attempts: 5}
		want[i].State, want[i].LastError = dora.DeliverySetAside, "why\n"+key
	}
	got := must[[]dora.StoredDelivery](t)(s.DeadLetters(t.Context()))
	for i := range got { // shown with or without what they say
		got[i].Event, got[i].Due = dora.Event{}, want[0].Due
	}
	same(t, "dead letters", want, got)
}

func deadLettersAreRetried(t *testing.T, s Store) {
	ids := setAside(t, s, "a", "b", "c")
	accept(t, s, "pending")
	first := peek(t, s.DeliveryQueue(), minute(0))[0].ID
	for name, refused := range map[string][]int64{"unknown": {1 << 40}, "pending": {first}, "one of two": {ids["a"], first}} {
		if n, err := s.RetryDeadLetters(t.Context(), refused...); err == nil {
			t.Errorf("%s: RetryDeadLetters = %d, want an error", name, n)
		}
		same(t, "pending after "+name, []string{"pending"}, pending(t, s, minute(0)))
	}
	if n, err := s.RetryDeadLetters(t.Context(), ids["b"]); n != 1 || err != nil {
		t.Errorf("RetryDeadLetters of one = %d, %v; want 1", n, err)
	}
	again := peek(t, s.DeliveryQueue(), minute(0))
	if len(again) != 2 || again[0].Key != "b" || again[0].Attempts != 0 || again[0].StoreFailures != 0 || !again[0].WaitingSince.IsZero() {
		t.Errorf("pending are %+v, want b, as if it had just arrived, before the other", again)
	}
	if n, err := s.RetryDeadLetters(t.Context()); n != 2 || err != nil {
		t.Errorf("RetryDeadLetters of all = %d, %v; want 2", n, err)
	}
	same(t, "pending at the end", []string{"a", "b", "c", "pending"}, pending(t, s, minute(0)))
	if n, err := s.RetryDeadLetters(t.Context()); n != 0 || err != nil {
		t.Errorf("RetryDeadLetters of none = %d, %v; want 0", n, err)
	}
}

// What was stored of a dead letter may be what is wrong with it, so a redelivery replaces it.
func deadLettersAreReplaced(t *testing.T, s Store) {
	setAside(t, s, "a")
	again := delivery("a")
	again.Received, again.Event.Status.State = minute(5), "failure"
	if duplicate, err := s.Accept(t.Context(), again); err != nil || duplicate {
		t.Errorf("Accept of a dead letter's key = %t, %v; want it stored", duplicate, err)
	}
	all := peek(t, s.DeliveryQueue(), minute(0))
	if len(all) != 1 {
		t.Fatalf("pending are %+v, want one", all)
	}
	again.ID = all[0].ID
	same(t, "the delivery", again, all[0])
	same(t, "dead letters", 0, len(must[[]dora.StoredDelivery](t)(s.DeadLetters(t.Context()))))
}
