package storetest

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// Work is due by the store's clock, whose readings are no times of day. People are shown the times of day instead.
func clockRules() rules { return rules{"shown": dueAsATimeOfDay, "claims": theClockChangesNoClaim} }

func setClock(t *testing.T, s Store, reading, wall time.Time) {
	t.Helper()
	if err := s.SetClock(t.Context(), reading, wall); err != nil {
		t.Fatal(err)
	}
}

// waitUntil makes a delivery, a look-up and an evaluation due at a time, and accepts another delivery.
func waitUntil(t *testing.T, s Store, due time.Time) {
	t.Helper()
	accept(t, s, "postponed", "new")
	id := peek(t, s.DeliveryQueue(), minute(0))[0].ID
	update(t, s, func(tx dora.Tx) error {
		if err := tx.Deliveries().Postpone(id, minute(0), due); err != nil {
			return err
		}
		if err := tx.Commits().AddLookup(dora.Lookup{Commit: commit("a"), Due: due, FailingSince: due}); err != nil {
			return err
		}
		failing := evaluation(success(1, 1), due)
		failing.FailingSince = due
		return tx.Evaluations().Add(failing)
	})
}

// Due and Ripe are shown as the times at which the clock will reach them, if it keeps running. The event's own times stay.
func dueAsATimeOfDay(t *testing.T, s Store) {
	waitUntil(t, s, minute(5))
	for _, offset := range []time.Duration{0, 100 * time.Hour, -100 * time.Hour} {
		setClock(t, s, minute(1), minute(1).Add(offset))
		want := minute(5).Add(offset)
		recent := must[[]dora.StoredDelivery](t)(s.Recent(t.Context(), 9))
		if len(recent) != 2 || !recent[0].Due.Equal(want) || recent[1].Due.UnixMilli() != 0 || !recent[0].Received.Equal(minute(0)) {
			t.Errorf("deliveries are %+v, want the first due at %v and the second at any time", recent, want)
		}
		l, _, err := s.LookupOf(t.Context(), commit("a").Key())
		if err != nil || !l.Due.Equal(want) || !l.FailingSince.Equal(want) {
			t.Errorf("the look-up is due at %v, %v; want %v", l.Due, err, want)
		}
		all := must[[]dora.Evaluation](t)(s.EvaluationsOf(t.Context(), success(1, 1).Key()))
		if len(all) != 1 || !all[0].Due.Equal(want) || !all[0].Ripe.Equal(want.Add(time.Minute)) || !all[0].FailingSince.Equal(want) || !all[0].At.Equal(minute(1)) {
			t.Errorf("evaluations are %+v, want due and failing since %v and ripe a minute later", all, want)
		}
	}
}

// Claim compares readings with readings, whatever time of day it is.
func theClockChangesNoClaim(t *testing.T, s Store) {
	waitUntil(t, s, minute(5))
	for _, offset := range []time.Duration{100 * time.Hour, -100 * time.Hour} {
		setClock(t, s, minute(1), minute(1).Add(offset))
		before, after := minute(5).Add(-time.Millisecond), minute(5)
		same(t, "deliveries before", []string{"new"}, pending(t, s, before))
		same(t, "deliveries after", []string{"new", "postponed"}, pending(t, s, after))
		same(t, "look-ups", []int{0, 1}, []int{len(peek(t, s.LookupQueue(), before)), len(peek(t, s.LookupQueue(), after))})
		claimed := peek(t, s.LookupQueue(), after)
		if len(claimed) != 1 || !claimed[0].Due.Equal(minute(5)) {
			t.Errorf("claimed are %+v, want the reading at which it is due", claimed)
		}
	}
	for _, d := range peek(t, s.DeliveryQueue(), minute(0)) { // evaluations wait for it
		update(t, s, func(tx dora.Tx) error { return tx.Deliveries().Done(d.ID) })
	}
	for _, offset := range []time.Duration{100 * time.Hour, -100 * time.Hour} {
		setClock(t, s, minute(1), minute(1).Add(offset))
		before, after := minute(5).Add(-time.Millisecond), minute(5)
		same(t, "evaluations", []int{0, 1}, []int{len(peek(t, s.ComparisonQueue(), before)), len(peek(t, s.ComparisonQueue(), after))})
	}
}
