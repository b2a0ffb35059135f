package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/persistence/teststore"
)

// unreachable has queues that fail for a while.
type unreachable struct {
	*teststore.Store
	until time.Time
}

func (s unreachable) ComparisonQueue() dora.Queue[dora.Evaluation] {
	return failingQueue{s.Store.ComparisonQueue(), s.until}
}

func (s unreachable) EvaluationQueue() dora.Queue[dora.Evaluation] {
	return failingQueue{s.Store.EvaluationQueue(), s.until}
}

type failingQueue struct {
	dora.Queue[dora.Evaluation]
	until time.Time
}

func (q failingQueue) Claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]dora.Evaluation, error) {
	if time.Now().Before(q.until) {
		return nil, errors.New("connection refused")
	}
	return q.Queue.Claim(ctx, now, lease, limit)
}

// An outage of the database is in the log when it begins and when it ends, not with each attempt.
func TestOutageIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x := newEmptyHistory(t)
		var log bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		e := &pipeline.Evaluator{
			Store: unreachable{x.store, time.Now().Add(30 * time.Second)}, Rules: x.rules(), Logger: slog.New(slog.NewTextHandler(&log, nil)), Now: time.Now,
		}
		e.Run(ctx)
		for _, what := range []string{"reading evaluations of deployments", "reading other evaluations"} {
			for _, text := range []string{what + " failed", what + " works again"} {
				if n := strings.Count(log.String(), text); n != 1 {
					t.Errorf("%q is in the log %d times:\n%s", text, n, log.String())
				}
			}
		}
	})
}
