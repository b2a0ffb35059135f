package postgres

import (
	"context"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlstore"
)

// removeAll removes all deliveries, which have been processed. It calls f before it commits.
func removeAll(t *testing.T, s *postgres.Store, f func()) {
	t.Helper()
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		if err := tx.Removal().MarkArrival(); err != nil {
			return err
		}
		_, err := tx.Removal().RemoveDeliveries(100, 100)
		if err == nil {
			_, err = tx.Removal().ArrivedBefore(time.Time{}) // the answer to a query comes after all statements before it
		}
		f()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// process accepts a delivery and ends its processing.
func process(t *testing.T, s *postgres.Store, key string) {
	t.Helper()
	if duplicate, err := s.Accept(t.Context(), delivery(key)); duplicate || err != nil {
		t.Fatalf("Accept(%q) = %t, %v", key, duplicate, err)
	}
	all, err := s.DeliveryQueue().Claim(t.Context(), time.Now(), time.Minute, 1)
	if err != nil || len(all) != 1 {
		t.Fatalf("claimed %+v, %v", all, err)
	}
	if err := s.Update(t.Context(), func(tx dora.Tx) error { return tx.Deliveries().Done(all[0].ID) }); err != nil {
		t.Fatal(err)
	}
}

// A redelivery that waits for the transaction in which its delivery is removed is a duplicate.
func TestRedeliveryDuringARemoval(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	s := newPlace(server).open(t)
	process(t, s, "a")
	duplicate := make(chan bool, 1)
	removeAll(t, s, func() {
		go func() {
			again, err := s.Accept(context.WithoutCancel(t.Context()), delivery("a"))
			if err != nil {
				t.Error(err)
			}
			duplicate <- again
		}()
		for end := time.Now().Add(5 * time.Second); server.Psql("postgres", "SELECT count(*) FROM pg_locks WHERE NOT granted") == "0"; {
			if time.Now().After(end) {
				t.Error("the redelivery does not wait")
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	if !<-duplicate {
		t.Error("the redelivery is stored")
	}
	if b, err := s.Backlog(t.Context()); err != nil || b.Deliveries != 0 {
		t.Errorf("%d deliveries are pending, %v; want none", b.Deliveries, err)
	}
	if duplicate, err := s.Accept(t.Context(), delivery("b")); duplicate || err != nil {
		t.Errorf("another delivery is a duplicate: %t, %v", duplicate, err)
	}
}

// New deliveries of a copy have higher ids than those that were removed.
func TestCopyAfterARemoval(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	s, copied := newPlace(server).open(t), newPlace(server)
	process(t, s, "a")
	process(t, s, "b")
	removeAll(t, s, func() {})
	err := postgres.Create(t.Context(), copied.url, copied.schema, func(to sqlstore.Target) error {
		_, err := s.Copy(t.Context(), to)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	again := copied.open(t)
	if _, err := again.Accept(t.Context(), delivery("c")); err != nil {
		t.Fatal(err)
	}
	all, err := again.Recent(t.Context(), 10)
	if err != nil || len(all) != 1 || all[0].ID <= 2 {
		t.Errorf("the deliveries of the copy are %+v, %v; want one after the first two", all, err)
	}
}
