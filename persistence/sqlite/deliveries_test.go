package sqlite

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestAcceptTheSameInParallel(t *testing.T) {
	s := openStore(t)
	var fresh atomic.Int32
	var wait sync.WaitGroup
	for range 100 {
		wait.Go(func() {
			duplicate, err := s.Accept(t.Context(), delivery("same"))
			if err != nil {
				t.Error(err)
			}
			if !duplicate {
				fresh.Add(1)
			}
		})
	}
	wait.Wait()
	if n := fresh.Load(); n != 1 {
		t.Errorf("%d of 100 were no duplicate, want 1", n)
	}
	if pending, err := s.Pending(t.Context(), time.Now(), 10); err != nil || len(pending) != 1 {
		t.Errorf("Pending = %v, %v, want one", pending, err)
	}
}

func TestPending(t *testing.T) {
	s := openStore(t)
	now := delivery("").Received
	accept(t, s, "c", "b", "a", "d", "nul\x00é")
	want := delivery("c")
	want.ID = 1
	pending, err := s.Pending(t.Context(), now, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]dora.Delivery{want}, pending); diff != "" {
		t.Errorf("the first delivery:\n%s", diff)
	}
	pendingAt(t, s, now, "c", "b", "a", "d", "nul\x00é")
	err = s.Update(t.Context(), func(tx dora.Tx) error {
		if err := tx.Deliveries().Done(2); err != nil {
			return err
		}
		return tx.Deliveries().Postpone(3, now, now.Add(time.Minute))
	})
	if err != nil {
		t.Fatal(err)
	}
	pendingAt(t, s, now, "c", "d", "nul\x00é")
	pendingAt(t, s, now.Add(time.Minute), "c", "d", "nul\x00é", "a")
	for name, change := range map[string]func(dora.Tx) error{
		"Finish":   func(tx dora.Tx) error { return tx.Deliveries().Done(99) },
		"Postpone": func(tx dora.Tx) error { return tx.Deliveries().Postpone(99, now, now) },
	} {
		if err := s.Update(t.Context(), change); err == nil {
			t.Errorf("%s of a delivery that is not there succeeded", name)
		}
	}
}

func TestPendingSaysWhatItCannotRead(t *testing.T) {
	s := openStore(t)
	accept(t, s, "a", "bad", "c")
	tamper(t, s.path, `UPDATE deliveries SET event = '{"deployment' WHERE key = 'bad'`)
	deliveries, err := s.Pending(t.Context(), delivery("").Received, 10)
	if err != nil || len(deliveries) != 3 {
		t.Fatalf("%d deliveries, %v; want 3", len(deliveries), err)
	}
	for _, d := range deliveries {
		if (d.Unreadable != nil) != (d.Key == "bad") {
			t.Errorf("%s: unreadable: %v", d.Key, d.Unreadable)
		}
	}
}

func TestBacklog(t *testing.T) {
	s := openStore(t)
	check := func(pending int, oldest time.Time, lookUps int) {
		t.Helper()
		got, err := s.Backlog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(dora.Backlog{Deliveries: pending, Oldest: oldest, LookUps: lookUps}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	check(0, time.Time{}, 0)
	accept(t, s, "a")
	later := delivery("b")
	later.Received = later.Received.Add(time.Hour)
	if _, err := s.Accept(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	check(2, delivery("").Received, 0)
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		if err := tx.Commits().AddLookup(dora.Lookup{Commit: dora.Commit{SHA: "1"}}); err != nil {
			return err
		}
		return tx.Deliveries().Done(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	check(1, later.Received, 1)
}

func pendingAt(t *testing.T, s *Store, now time.Time, want ...string) {
	t.Helper()
	deliveries, err := s.Pending(t.Context(), now, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range deliveries {
		got = append(got, d.Key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pending at %v:\n%s", now, diff)
	}
}

// BenchmarkPending is with 100,000 deliveries pending, nearly all of them postponed, behind 1,000,000 that are done.
func BenchmarkPending(b *testing.B) {
	s := openStore(b)
	db, err := connect(s.path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for _, part := range []struct{ n, due, done int }{{1_000_000, 0, 1}, {99_000, 1 << 60, 0}, {1_000, 0, 0}} {
		_, err := db.Exec(fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO deliveries (source, key, event, received, due, state)
			SELECT 'github', hex(randomblob(16)), '{"deployment_status":{}}', 0, %d, %d FROM n`, part.n, part.due, part.done))
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if got, err := s.Pending(b.Context(), time.Now(), 256); err != nil || len(got) != 256 {
			b.Fatal(len(got), err)
		}
	}
}
