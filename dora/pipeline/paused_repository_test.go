package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/persistence/teststore"
)

// countingStore counts transactions.
type countingStore struct {
	*teststore.Store

	updates atomic.Int64
}

func (s *countingStore) Update(ctx context.Context, f func(dora.Tx) error) error {
	s.updates.Add(1)
	return s.Store.Update(ctx, f)
}

// reviewEnvironments returns a store with a success in each of so many environments of a repository, of one commit after the other.
func reviewEnvironments(t *testing.T, n int) (*countingStore, *repository) {
	t.Helper()
	store, w := &countingStore{Store: openStore(t)}, newRepository()
	for i := range n {
		w.line = append(w.line, fmt.Sprintf("V%d", i+1))
		e := deployed(int64(i+1), w.line[i], "success", i)
		e.Status.Deployment.Environment = fmt.Sprintf("review-%d", i)
		accept(t, store.Store, e)
	}
	process(t, store.Store, platform{})
	return store, w
}

// While the first evaluation of a repository is paused, those of its other environments seldom look whether it has been made. When it is
// made, they follow at once.
func TestEvaluationsThatWaitForAPausedOne(t *testing.T) {
	const environments, pause, retryIn = 50, 10 * time.Minute, 5 * time.Second
	synctest.Test(t, func(t *testing.T) {
		store, w := reviewEnvironments(t, environments)
		time.Sleep(time.Hour) // all are due
		began := time.Now()
		w.down = func(dora.Comparison) error {
			if time.Since(began) < pause {
				return &dora.PausedError{Err: errors.New("paused"), RetryIn: retryIn}
			}
			return nil
		}
		e := &pipeline.Evaluator{Store: store, Enricher: w, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { e.Run(ctx); close(done) }()
		time.Sleep(pause - time.Second)
		updates := store.updates.Load()
		time.Sleep(time.Second + retryIn + 3*time.Second)
		left, err := store.CountEvaluations(ctx)
		cancel()
		<-done
		if err != nil || left > 0 {
			t.Errorf("%d evaluations are left, error %v", left, err)
		}
		// The first one takes two each time; the others look once a minute, and not all of them at once at the beginning.
		if most := int64(2*pause/retryIn + environments*(pause/time.Minute+4)); updates > most {
			t.Errorf("%d transactions, want at most %d", updates, most)
		} else {
			t.Logf("%d transactions", updates)
		}
	})
}

// While the first evaluation of a repository waits for GitHub, those of its other environments don't look whether it has been made.
func TestEvaluationsThatWaitForASlowOne(t *testing.T) {
	const environments = 5
	synctest.Test(t, func(t *testing.T) {
		store, w := reviewEnvironments(t, environments)
		w.down = func(c dora.Comparison) error {
			if c.Head.SHA == "V1" {
				time.Sleep(time.Minute)
			}
			return nil
		}
		e := &pipeline.Evaluator{Store: store, Enricher: w, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		e.Run(ctx)
		if left, err := store.CountEvaluations(t.Context()); err != nil || left > 0 {
			t.Errorf("%d evaluations are left, error %v", left, err)
		}
		if updates := store.updates.Load(); updates > 3*environments { // two for each deployment, and the evaluation of evidence
			t.Errorf("%d transactions, want at most %d", updates, 3*environments)
		}
	})
}
