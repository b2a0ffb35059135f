package pipeline_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/persistence/teststore"
)

// slow is a store whose transactions are made slow.
type slow struct {
	*teststore.Store

	slowed       func(dora.Tx) dora.Tx
	transactions int
}

func (s *slow) Update(ctx context.Context, change func(dora.Tx) error) error {
	s.transactions++
	return s.Store.Update(ctx, func(tx dora.Tx) error { return change(s.slowed(tx)) })
}

// slowDeliveries takes 300 ms for each delivery.
type slowDeliveries struct{ dora.Tx }

func (t slowDeliveries) Deliveries() dora.DeliveryTx {
	time.Sleep(300 * time.Millisecond)
	return t.Tx.Deliveries()
}

// slowEvaluations takes 300 ms for each evaluation.
type slowEvaluations struct{ dora.Tx }

func (t slowEvaluations) Evaluations() dora.EvaluationTx {
	time.Sleep(300 * time.Millisecond)
	return t.Tx.Evaluations()
}

// No transaction begins another delivery after half a second. The deliveries that it leaves to the next one are reported once.
func TestSlowDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, givenUp := &slow{Store: openStore(t), slowed: func(tx dora.Tx) dora.Tx { return slowDeliveries{tx} }}, 0
		for id := range int64(5) {
			accept(t, store.Store, status(id+1, "success", 0))
		}
		p := &pipeline.Processor{
			Store: store, Catalog: outage{until: time.Now().Add(time.Hour)}, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
			OnTeamGivenUp: func() { givenUp++ },
		}
		if err := p.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(facts(t, store.Store)); n != 5 || givenUp != 5 {
			t.Errorf("%d are counted and %d given up, want 5 each", n, givenUp)
		}
		if store.transactions != 3 {
			t.Errorf("%d transactions, want 3: of two, two and one", store.transactions)
		}
	})
}

// No transaction begins another evaluation after half a second, either.
func TestSlowEvaluations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slow{Store: openStore(t), slowed: func(tx dora.Tx) dora.Tx { return slowEvaluations{tx} }}
		err := store.Store.Update(t.Context(), func(tx dora.Tx) (err error) {
			for _, scope := range []string{"h/acme/a/production", "h/acme/b/production", "h/acme/c/production", "h/acme/d/production", "h/acme/e/production"} {
				err = errors.Join(err, tx.Evaluations().Add(dora.Evaluation{Kind: dora.ScopeEvaluation, Key: scope, Scope: scope}))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		e := &pipeline.Evaluator{Store: store, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		e.Run(ctx)
		if n, err := store.CountEvaluations(t.Context()); n != 0 || err != nil {
			t.Errorf("%d evaluations are left, %v", n, err)
		}
		if store.transactions != 3 {
			t.Errorf("%d transactions, want 3: of two, two and one", store.transactions)
		}
	})
}
