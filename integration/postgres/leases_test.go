package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
	"dora-exporter/persistence/postgres"
)

// leaseState is what a store knows of the leases on the work of a queue, and for how long the oldest one has been unclaimed.
type leaseState struct {
	Held            int
	TakenOver, Lost int64
	Unclaimed       time.Duration
}

// The state of the leases says what a replica holds, what it has taken over, what it has lost, and what nobody claims.
func TestLeases(t *testing.T) {
	p := newPlace(pgserver.Start(t, "fsync=off"))
	a, b := p.open(t), p.open(t)
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const term = time.Minute
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	check := func(what string, s *postgres.Store, now time.Time, want map[string]leaseState) {
		t.Helper()
		all := s.Leases()
		ages, err := s.UnclaimedLeases(t.Context(), now)
		if err != nil || len(all) != 4 || len(ages) != 4 {
			t.Fatalf("%s: %+v, %v, %v; want four queues", what, all, ages, err)
		}
		got := map[string]leaseState{}
		for _, l := range all {
			state := leaseState{l.Held, l.TakenOver, l.Lost, ages[l.Queue]}
			if state != (leaseState{}) {
				got[l.Queue] = state
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", what, diff)
		}
	}
	for _, key := range []string{"1", "2", "3"} {
		if _, err := a.Accept(t.Context(), delivery(key)); err != nil {
			t.Fatal(err)
		}
	}
	lookup := dora.Lookup{Commit: dora.Commit{Host: "github.com", Owner: "acme", Repository: "web", SHA: "c0ffee"}, Due: begin}
	if err := a.Update(t.Context(), func(tx dora.Tx) error { return tx.Commits().AddLookup(lookup) }); err != nil {
		t.Fatal(err)
	}
	check("nothing is claimed", a, at(0), map[string]leaseState{})

	mine := claim(t, a.DeliveryQueue(), at(0), term, 2)
	check("what it has claimed", a, at(30), map[string]leaseState{"deliveries": {Held: 2}})
	check("what another one has claimed", b, at(30), map[string]leaseState{})
	check("expired leases", b, at(70), map[string]leaseState{"deliveries": {Unclaimed: 10 * time.Second}})
	claim(t, b.LookupQueue(), at(75), term, 1)

	first := claim(t, b.DeliveryQueue(), at(80), term, 1)
	check("one of them is taken over", b, at(85), map[string]leaseState{
		"deliveries": {Held: 1, TakenOver: 1, Unclaimed: 25 * time.Second}, "lookups": {Held: 1},
	})
	if err := a.Update(t.Context(), func(tx dora.Tx) error { return tx.Deliveries().Done(first[0].ID) }); err == nil {
		t.Error("a replica has ended what another one has claimed")
	}
	check("it has lost that", a, at(85), map[string]leaseState{"deliveries": {Held: 2, Lost: 1, Unclaimed: 25 * time.Second}})
	if err := a.DeliveryQueue().Release(t.Context(), mine...); err != nil {
		t.Fatal(err)
	}
	check("it has released the rest", a, at(85), map[string]leaseState{"deliveries": {Lost: 1}})

	claim(t, a.DeliveryQueue(), at(200), term, 9) // the third, too, and what the other one holds no more
	check("it takes back what it has lost", a, at(210), map[string]leaseState{
		"deliveries": {Held: 3, TakenOver: 1, Lost: 1}, "lookups": {Unclaimed: 75 * time.Second},
	})
	if err := a.Update(t.Context(), func(tx dora.Tx) error { return tx.Deliveries().Done(first[0].ID) }); err != nil {
		t.Fatal(err)
	}
	check("it has ended one", a, at(210), map[string]leaseState{
		"deliveries": {Held: 2, TakenOver: 1, Lost: 1}, "lookups": {Unclaimed: 75 * time.Second},
	})
	claim(t, a.DeliveryQueue(), at(300), term, 9)
	check("it has claimed its own work again", a, at(300), map[string]leaseState{
		"deliveries": {Held: 2, TakenOver: 1, Lost: 1}, "lookups": {Unclaimed: 165 * time.Second},
	})
}

// A replica that is cut off from its database still says which leases it holds, without waiting.
func TestLeasesWithoutDatabase(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	s := newPlace(server).open(t)
	if _, err := s.Accept(t.Context(), delivery("1")); err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	claim(t, s.DeliveryQueue(), begin, time.Minute, 1)
	server.Stop()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ages, err := s.UnclaimedLeases(ctx, begin); err == nil {
		t.Errorf("UnclaimedLeases = %v without a database", ages)
	}
	for _, l := range s.Leases() {
		if want := map[string]int{"deliveries": 1}[l.Queue]; l.Held != want {
			t.Errorf("%s: %d leases held, want %d", l.Queue, l.Held, want)
		}
	}
}

// claim claims as many works of a queue as it says.
func claim[T any](t *testing.T, q dora.Queue[T], now time.Time, term time.Duration, limit int) []T {
	t.Helper()
	all, err := q.Claim(t.Context(), now, term, limit)
	if err != nil || len(all) == 0 {
		t.Fatalf("Claim = %v, %v; want works", all, err)
	}
	return all
}
