package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/persistence/teststore"
)

// poisoned is a store that fails, with an error, for each transaction that completes one of some deliveries. While it is away, all fail.
type poisoned struct {
	*teststore.Store

	ids  map[int64]bool
	err  error
	away bool
}

func (s *poisoned) Update(ctx context.Context, change func(dora.Tx) error) error {
	if s.away {
		return dora.ErrStoreFailing
	}
	return s.Store.Update(ctx, func(tx dora.Tx) error { return change(poisonedTx{tx, s}) })
}

type poisonedTx struct {
	dora.Tx
	store *poisoned
}

func (t poisonedTx) Deliveries() dora.DeliveryTx {
	return poisonedDeliveries{t.Tx.Deliveries(), t.store}
}

type poisonedDeliveries struct {
	dora.DeliveryTx
	store *poisoned
}

func (t poisonedDeliveries) Done(id int64) error {
	if t.store.ids[id] {
		return t.store.err
	}
	return t.DeliveryTx.Done(id)
}

// A delivery for which the store always fails doesn't hold up the others. It becomes a dead letter only if what it does may be the cause and others
// succeed, and never by what happens while the store fails for all.
func TestPoisonedDelivery(t *testing.T) {
	for name, test := range map[string]struct {
		err      error
		setAside int
	}{
		"the transaction may be the cause": {dora.ErrTransactionFailing, 2},
		"the disk is full":                 {dora.ErrStoreFailing, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &poisoned{Store: openStore(t), ids: map[int64]bool{1: true, 7: true}, err: fmt.Errorf("delivery: %w", test.err)}
				for id := range 30 {
					accept(t, store.Store, status(int64(id+1), "success", 0))
				}
				p := &pipeline.Processor{
					Store: store, Catalog: platform{}, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now, OnTeamGivenUp: func() {},
				}
				run := func(d time.Duration, counted, pending, setAside int) {
					t.Helper()
					ctx, cancel := context.WithTimeout(t.Context(), d)
					defer cancel()
					p.Run(ctx)
					b, err := store.Backlog(t.Context())
					if pending < 0 {
						pending, setAside = b.Deliveries, b.SetAside
					}
					if n := len(facts(t, store.Store)); err != nil || n != counted || b.Deliveries != pending || b.SetAside != setAside {
						t.Errorf("%d counted, %d pending, %d set aside, %v; want %d, %d, %d", n, b.Deliveries, b.SetAside, err, counted, pending, setAside)
					}
				}
				store.away = true
				run(time.Hour, 0, 30, 0)
				store.away = false
				run(time.Minute, 28, 2, 0)
				run(time.Hour, 28, 2, 0)
				for id := range 40 {
					accept(t, store.Store, status(int64(id+31), "success", 0))
					run(time.Minute, 29+id, -1, -1)
				}
				run(time.Minute, 68, 2-test.setAside, test.setAside)
				store.ids = nil
				run(time.Minute, 70-test.setAside, 0, test.setAside)
			})
		})
	}
}

// Failures of the store and of processing are counted apart: neither brings a delivery nearer to becoming a dead letter by the other.
func TestFailuresCountApart(t *testing.T) {
	failure := errors.New("a rule failed")
	for name, order := range map[string][2]error{"the store first": {dora.ErrTransactionFailing, failure}, "processing first": {failure, dora.ErrTransactionFailing}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &poisoned{Store: openStore(t), ids: map[int64]bool{1: true}}
				accept(t, store.Store, status(1, "success", 0))
				p := &pipeline.Processor{
					Store: store, Catalog: platform{}, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now, OnTeamGivenUp: func() {},
				}
				run := func(d time.Duration) {
					ctx, cancel := context.WithTimeout(t.Context(), d)
					defer cancel()
					p.Run(ctx)
				}
				next := int64(2)
				for _, err := range order {
					store.err = err
					wanted, pause := 9, time.Minute // one failure less than makes it a dead letter
					if errors.Is(err, failure) {
						wanted, pause = 4, time.Second
					}
					for failed := 0; failed < wanted; {
						accept(t, store.Store, status(next, "success", 0)) // others succeed
						next++
						run(pause)
						waiting, readErr := store.Pending(t.Context(), time.Now().Add(time.Hour), 100)
						i := slices.IndexFunc(waiting, func(d dora.Delivery) bool { return d.ID == 1 })
						if readErr != nil || i < 0 || next > 90 {
							t.Fatalf("%d wait, %v, after %d failures: %v", len(waiting), readErr, failed, err)
						}
						if failed = waiting[i].StoreFailures; errors.Is(err, failure) {
							failed = waiting[i].Attempts - waiting[i].StoreFailures
						}
					}
				}
				store.ids = nil
				run(2 * time.Minute)
				if b, err := store.Backlog(t.Context()); err != nil || b.SetAside != 0 || b.Deliveries != 0 {
					t.Errorf("%+v, %v; want that nothing waits and nothing is set aside", b, err)
				}
			})
		})
	}
}

// While the store can write that deliveries are postponed but completes none, none becomes a dead letter.
func TestStoreThatCompletesNoDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &poisoned{Store: openStore(t), ids: map[int64]bool{}, err: dora.ErrTransactionFailing}
		for id := range 10 {
			accept(t, store.Store, status(int64(id+1), "success", 0))
			store.ids[int64(id+1)] = true
		}
		p := &pipeline.Processor{
			Store: store, Catalog: platform{}, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now, OnTeamGivenUp: func() {},
		}
		run := func(d time.Duration, counted, pending int) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			p.Run(ctx)
			b, err := store.Backlog(t.Context())
			if n := len(facts(t, store.Store)); err != nil || n != counted || b.Deliveries != pending || b.SetAside != 0 {
				t.Errorf("%d counted, %d pending, %d set aside, %v; want %d, %d, 0", n, b.Deliveries, b.SetAside, err, counted, pending)
			}
		}
		run(time.Hour, 0, 10)
		if p.Err() == nil {
			t.Error("processing seems to work")
		}
		store.ids = nil
		run(2*time.Minute, 10, 0)
	})
}
