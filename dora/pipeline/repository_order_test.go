package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
)

// The successes of a repository are evaluated in the order of their times, whatever their environments and the order of arrival. One
// that fails holds up its environment alone.
func TestEvaluationsOfARepositoryInOrder(t *testing.T) {
	in := func(environment string, e dora.Event) dora.Event {
		e.Status.Deployment.Environment = environment
		return e
	}
	events := []dora.Event{
		in("production", deployed(4, "V4", "success", 40)), in("staging", deployed(3, "V3", "success", 30)),
		in("production", deployed(2, "V2", "success", 20)), in("staging", deployed(1, "V1", "success", 10)),
	}
	for name, test := range map[string]struct {
		fails bool // V1 is not answered before V4
		want  []string
	}{
		"all answers come":   {false, []string{"V1", "V2", "V3", "V4"}},
		"the first one late": {true, []string{"V2", "V4", "V1", "V3"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var got []string
				w := newRepository("V1", "V2", "V3", "V4")
				w.down = func(c dora.Comparison) error {
					mu.Lock()
					defer mu.Unlock()
					if test.fails && c.Head.SHA == "V1" && !slices.Contains(got, "V4") {
						return errors.New("no answer")
					}
					got = append(got, c.Head.SHA)
					return nil
				}
				store := openStore(t)
				accept(t, store, events...)
				w.settle(t, store)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

// After a long stop, an evaluation does not wait any longer than until the earlier ones of its repository are made.
func TestOverdueEvaluationsOfARepository(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, w := openStore(t), newRepository("V1", "V2", "V3", "V4", "V5", "V6")
		for i, environment := range []string{"staging", "production", "staging", "production", "staging", "production"} {
			e := deployed(int64(i+1), fmt.Sprintf("V%d", i+1), "success", i)
			e.Status.Deployment.Environment = environment
			accept(t, store, e)
		}
		process(t, store, platform{})
		time.Sleep(8 * time.Hour)
		began := time.Now()
		w.settle(t, store)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the evaluations took %s", took)
		}
	})
}

// An evaluation that has failed is not waited for either while it is made again, however long GitHub takes to answer.
func TestEvaluationBesideASlowRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, w := openStore(t), newRepository("V1", "V2")
		ctx, stop := context.WithCancel(t.Context())
		attempts, evaluated := 0, false // of V1, and V2
		w.down = func(c dora.Comparison) error {
			if c.Head.SHA == "V2" {
				evaluated = true
				return nil
			}
			if attempts++; attempts > 1 {
				<-ctx.Done() // no answer
			}
			return errors.New("no answer")
		}
		var running sync.WaitGroup
		e := &pipeline.Evaluator{Store: store, Enricher: w, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}
		running.Go(func() { e.Run(ctx) })
		for i, environment := range []string{"staging", "production"} {
			e := deployed(int64(i+1), fmt.Sprintf("V%d", i+1), "success", 10*i)
			e.Status.Deployment.Environment = environment
			accept(t, store, e)
			process(t, store, platform{})
			time.Sleep(10 * time.Minute)
		}
		stop()
		running.Wait()
		if attempts != 2 || !evaluated {
			t.Errorf("%d attempts at the first one, want 2; the second one was evaluated: %t", attempts, evaluated)
		}
	})
}
