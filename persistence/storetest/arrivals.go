package storetest

import (
	"fmt"
	"testing"

	"dora-exporter/dora"
)

// markArrival stores a delivery and a fact that arrive some days after the first minute.
func markArrival(t *testing.T, s Store, key string, days int) {
	t.Helper()
	d := delivery(key)
	d.Received = minute(0).AddDate(0, 0, days)
	if _, err := s.Accept(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	addFacts(t, s, fact(key))
	update(t, s, func(tx dora.Tx) error { return tx.Removal().MarkArrival() })
}

func arrivedBefore(t *testing.T, s Store, days int) (a dora.Arrival) {
	t.Helper()
	update(t, s, func(tx dora.Tx) (err error) {
		a, err = tx.Removal().ArrivedBefore(minute(0).AddDate(0, 0, days))
		return err
	})
	return a
}

// What has arrived before a time is known to the day.
func arrivals(t *testing.T, s Store) {
	update(t, s, func(tx dora.Tx) error { return tx.Removal().MarkArrival() })
	same(t, "in an empty store", dora.Arrival{}, arrivedBefore(t, s, 9))
	markArrival(t, s, "a", 0)
	markArrival(t, s, "b", 0)
	markArrival(t, s, "c", 2)
	for days, want := range []int64{0, 2, 2, 3} {
		same(t, "the newest fact", want, arrivedBefore(t, s, days).Position)
	}
	if a := arrivedBefore(t, s, 1); a.Delivery == 0 || a.Delivery >= arrivedBefore(t, s, 3).Delivery {
		t.Errorf("the newest deliveries are %d and %d", a.Delivery, arrivedBefore(t, s, 3).Delivery)
	}
}

// What arrived before a clock was behind for a while has not become old, and a clock that was ahead keeps nothing for good.
func arrivalsOfAWrongClock(t *testing.T, s Store) {
	for n, step := range []struct {
		name           string
		day            int   // of the next delivery
		before, wanted []int // the newest facts before some days
	}{
		{"at first", 0, []int{1}, []int{1}},
		{"later", 100, []int{50, 101}, []int{1, 2}},
		{"behind", 10, []int{5, 50, 100, 101}, []int{1, 1, 1, 3}},
		{"right again, on the same day", 100, []int{50, 100, 101}, []int{1, 1, 4}},
		{"behind again", 20, []int{50, 101}, []int{1, 5}},
		{"right again, on another day", 101, []int{50, 100, 101, 102}, []int{1, 1, 5, 6}},
		{"ahead", 9000, []int{101, 102, 9000}, []int{5, 6, 6}},
		{"right again", 102, []int{101, 102}, []int{5, 6}},
		{"later", 200, []int{102, 103, 200}, []int{6, 8, 8}},
	} {
		markArrival(t, s, string(rune('a'+n)), step.day)
		for i, days := range step.before {
			same(t, fmt.Sprintf("%s: the newest fact before day %d", step.name, days), int64(step.wanted[i]), arrivedBefore(t, s, days).Position)
		}
	}
}
