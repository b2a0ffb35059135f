package pipeline_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/persistence/teststore"
)

// readOnly is a store that can be read but, while it is full, not written: a transaction that ends or postpones work fails.
type readOnly struct {
	*teststore.Store

	full atomic.Bool
}

func (s *readOnly) Update(ctx context.Context, change func(dora.Tx) error) error {
	return s.Store.Update(ctx, func(tx dora.Tx) error {
		written := &readOnlyTx{Tx: tx}
		if err := change(written); err != nil || !s.full.Load() || !written.is {
			return err
		}
		return dora.ErrStoreFailing
	})
}

type readOnlyTx struct {
	dora.Tx
	is bool
}

func (t *readOnlyTx) Evaluations() dora.EvaluationTx {
	return writtenEvaluations{t.Tx.Evaluations(), t}
}

func (t *readOnlyTx) Commits() dora.CommitTx {
	t.is = true
	return t.Tx.Commits()
}

type writtenEvaluations struct {
	dora.EvaluationTx
	tx *readOnlyTx
}

func (t writtenEvaluations) Retry(e dora.Evaluation) error {
	t.tx.is = true
	return t.EvaluationTx.Retry(e)
}

func (t writtenEvaluations) Done(e dora.Evaluation) error {
	t.tx.is = true
	return t.EvaluationTx.Done(e)
}

// countingGitHub counts its answers. Its repository is at a GitHub that answers everything.
type countingGitHub struct {
	*repository
	origins, shipments atomic.Int64
}

func (g *countingGitHub) Origin(ctx context.Context, c dora.Commit) (dora.Origin, error) {
	g.origins.Add(1)
	return g.repository.Origin(ctx, c)
}

func (g *countingGitHub) Ship(ctx context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	g.shipments.Add(1)
	return g.repository.Ship(ctx, c)
}

// While the disk is full, GitHub is not asked again and again for what can't be stored. Soon after it has room, everything is.
func TestNoCallsForAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, gitHub := &readOnly{Store: openStore(t)}, &countingGitHub{repository: newRepository("V1")}
		accept(t, store.Store, deployed(1, "V1", "success", 1))
		process(t, store.Store, platform{})
		rules, logger := noLimit(), slog.New(slog.DiscardHandler)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		store.full.Store(true)
		lookups := &pipeline.Lookups{Store: store, Enricher: gitHub, Rules: rules, Logger: logger, Now: time.Now}
		evaluator := &pipeline.Evaluator{Store: store, Enricher: gitHub, Rules: rules, Logger: logger, Now: time.Now}
		ended := make(chan struct{}, 2)
		for _, run := range []func(context.Context){lookups.Run, evaluator.Run} {
			go func() { run(ctx); ended <- struct{}{} }()
		}
		time.Sleep(time.Hour)
		if o, s := gitHub.origins.Load(), gitHub.shipments.Load(); o != 1 || s != 1 {
			t.Errorf("%d look-ups and %d comparisons in an hour, want one each", o, s)
		}
		store.full.Store(false)
		time.Sleep(3 * time.Minute)
		if left, err := store.CountEvaluations(ctx); left != 0 || err != nil {
			t.Errorf("%d evaluations wait, %v", left, err)
		}
		if o, s := gitHub.origins.Load(), gitHub.shipments.Load(); o > 2 || s != 2 {
			t.Errorf("%d look-ups and %d comparisons in all, want at most two and two", o, s)
		}
		cancel()
		<-ended
		<-ended
	})
}
