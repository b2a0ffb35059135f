package sqlite

import (
	"errors"
	"testing"
	"time"

	"dora-exporter/dora"
)

func TestLimitBacklog(t *testing.T) {
	s := openStore(t)
	accept(t, s, "a", "b")
	if err := s.LimitBacklog(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	accept(t, s, "c")
	full := func(key string) {
		t.Helper()
		if _, err := s.Accept(t.Context(), delivery(key)); !errors.Is(err, ErrBacklog) {
			t.Errorf("Accept of %s = %v, want ErrBacklog", key, err)
		}
		if err := s.Err(); !errors.Is(err, ErrBacklog) {
			t.Errorf("Err = %v, want ErrBacklog", err)
		}
	}
	full("d")
	if retried, err := s.Accept(t.Context(), delivery("b")); err != nil || !retried {
		t.Errorf("one that is there: duplicate %v, %v", retried, err)
	}
	failing := errors.New("undone")
	if err := s.Update(t.Context(), func(tx dora.Tx) error { return errors.Join(tx.Deliveries().Done(1), failing) }); !errors.Is(err, failing) {
		t.Fatal(err)
	}
	full("d") // since nothing was finished
	change := func(f func(tx dora.Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	change(func(tx dora.Tx) error { return tx.Deliveries().Done(1) })
	accept(t, s, "d")
	full("e")
	change(func(tx dora.Tx) error { return tx.Deliveries().SetAside(2, 5, "why") })
	if err := s.Err(); err != nil {
		t.Errorf("Err = %v after there is room", err)
	}
	accept(t, s, "e")
	full("f")
	b, err := s.Backlog(t.Context())
	if err != nil || b.Deliveries != 3 || b.SetAside != 1 {
		t.Errorf("%+v, %v; want 3 and 1", b, err)
	}
}

func TestRetry(t *testing.T) {
	s := openStore(t)
	accept(t, s, "a", "b", "c", "d")
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		return errors.Join(tx.Deliveries().Done(1), tx.Deliveries().SetAside(2, 5, "why"), tx.Deliveries().SetAside(3, 5, "why\nnot"), tx.Deliveries().Retry(4, 2, "soon", time.Now().Add(time.Minute)))
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.DeadLetters(t.Context())
	if err != nil || len(all) != 2 || all[1].Why != "why\nnot" || !all[0].Received.Equal(delivery("").Received) {
		t.Errorf("SetAside = %+v, %v", all, err)
	}
	for _, ids := range [][]int64{{1}, {2, 4}, {99}} {
		if n, err := Retry(t.Context(), s.path, ids...); err == nil {
			t.Errorf("Retry of %v = %d, want an error", ids, n)
		}
	}
	if n, err := Retry(t.Context(), s.path, 3); n != 1 || err != nil {
		t.Errorf("Retry of 3 = %d, %v", n, err)
	}
	if n, err := Retry(t.Context(), s.path); n != 1 || err != nil {
		t.Errorf("Retry of the rest = %d, %v", n, err)
	}
	pendingAt(t, s, time.Now(), "b", "c")
	if n, err := Retry(t.Context(), s.path); n != 0 || err != nil {
		t.Errorf("Retry of nothing = %d, %v", n, err)
	}
	if _, err := Retry(t.Context(), s.path+".none"); err == nil {
		t.Error("Retry without a database succeeded")
	}
}

// What another process made pending again does not make room for more once it is processed.
func TestLimitBacklogAfterRetry(t *testing.T) {
	s := openStore(t)
	accept(t, s, "a", "b", "c")
	if err := s.LimitBacklog(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	for round, f := range []func(tx dora.Tx, id int64) error{
		func(tx dora.Tx, id int64) error { return tx.Deliveries().SetAside(id, 5, "why") },
		func(tx dora.Tx, id int64) error { return tx.Deliveries().Done(id) },
	} {
		for id := range int64(3) {
			if err := s.Update(t.Context(), func(tx dora.Tx) error { return f(tx, id+1) }); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := Retry(t.Context(), s.path); n != int64(3-3*round) || err != nil {
			t.Fatal(n, err)
		}
	}
	accept(t, s, "d", "e", "f", "g")
	if _, err := s.Accept(t.Context(), delivery("h")); !errors.Is(err, ErrBacklog) {
		t.Errorf("Accept = %v, want ErrBacklog", err)
	}
}
