package pipeline

import (
	"context"
	"errors"
)

// Lease is how long work is claimed for, PoolSize how much of it is done at the same time.
const (
	Lease    = lease
	PoolSize = poolSize
)

// EvaluateDue makes the evaluations that are due, each once.
func EvaluateDue(ctx context.Context, e *Evaluator) error {
	deployments, others := e.Store.ComparisonQueue(), e.Store.EvaluationQueue()
	due, err := deployments.Claim(ctx, e.Now(), lease, batchSize)
	for _, evaluation := range due {
		e.evaluate(ctx, evaluation)
	}
	if err := errors.Join(err, deployments.Release(ctx, due...)); err != nil {
		return err
	}
	if due, err = others.Claim(ctx, e.Now(), lease, batchSize); len(due) > 0 {
		e.evaluateBatch(ctx, due)
	}
	return errors.Join(err, others.Release(ctx, due...))
}

// LookUpDue makes the look-ups that are due, each once.
func LookUpDue(ctx context.Context, l *Lookups) error {
	queue := l.Store.LookupQueue()
	due, err := queue.Claim(ctx, l.Now(), lease, batchSize)
	for _, lookup := range due {
		l.lookUp(ctx, lookup)
	}
	return errors.Join(err, queue.Release(ctx, due...))
}
