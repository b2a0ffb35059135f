package pipeline_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora/pipeline"
)

// What a killed process has claimed waits until its lease lapses, and evaluations wait for it: events may arrive in any order within the time to
// settle, also if that is shorter than a lease.
func TestClaimedByAKilledProcess(t *testing.T) {
	for name, settle := range map[string]time.Duration{
		"settling takes longer than a lease": pipeline.Lease + 5*time.Second,
		"settling takes less time":           time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, late := openStore(t), 0
				accept(t, store, deployed(1, "first", "success", 1))
				claimed, err := store.Client("killed").DeliveryQueue().Claim(t.Context(), time.Now(), pipeline.Lease, 1)
				if err != nil || len(claimed) != 1 {
					t.Fatalf("Claim = %v, %v", claimed, err)
				}
				accept(t, store, deployed(2, "second", "success", 2))

				policy := noLimit()
				policy.Policy.Settle, policy.OnLate = settle, func(n int) { late += n }
				logger := slog.New(slog.DiscardHandler)
				processor := &pipeline.Processor{Store: store, Catalog: platform{}, Rules: policy, Logger: logger, Now: time.Now}
				evaluator := &pipeline.Evaluator{Store: store, Enricher: &lookUp{answer: began(time.Hour)}, Rules: policy, Logger: logger, Now: time.Now}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var running sync.WaitGroup
				running.Go(func() { processor.Run(ctx) })
				running.Go(func() { evaluator.Run(ctx) })
				running.Wait()

				if n, err := store.CountEvaluations(t.Context()); n != 0 || err != nil {
					t.Errorf("%d evaluations are left, %v", n, err)
				}
				if got := len(measures(t, store)); got == 0 || late != 0 {
					t.Errorf("%d facts, %d events are late, want none", got, late)
				}
			})
		})
	}
}
