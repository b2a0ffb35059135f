package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// Evaluator looks at deployments and incidents together with their neighbours, when these have had the time to arrive: what a
// deployment ships, what that shows about earlier ones, and what repaired them.
type Evaluator struct {
	Store    EvaluationStore
	Enricher dora.Enricher
	Rules    *rules.Rules
	Logger   *slog.Logger
	// Trace follows the success of a deployment that is settled; nil for none.
	Trace Trace
	// Now is the clock of the store; it decides when to look, never a number.
	Now func() time.Time

	failing failingScopes
}

// Run looks at what is due until ctx ends; look-ups under way are given up then, and made again after the next start.
func (s *Evaluator) Run(ctx context.Context) {
	lookUps := pool[dora.Evaluation]{
		name: "the evaluations of deployments", queue: s.Store.ComparisonQueue(), changes: s.Store, logger: s.Logger, now: s.Now, run: s.run,
	}
	var others sync.WaitGroup
	others.Go(func() { s.runWithoutCalls(ctx) })
	lookUps.work(ctx)
	others.Wait()
}

// runWithoutCalls looks at what needs no call, many in one transaction.
func (s *Evaluator) runWithoutCalls(ctx context.Context) {
	queue := s.Store.EvaluationQueue()
	for ctx.Err() == nil {
		revision, began := s.Store.Revision(), time.Now()
		due, err := queue.Claim(ctx, s.Now(), lease, batchSize)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			s.Logger.Error("reading the evaluations failed, will retry", "error", err)
			sleep(ctx, dora.Backoff(1))
		case len(due) == 0:
			sleepUnlessChanged(ctx, idleTime/2, s.Store, revision)
			sleep(ctx, gatherTime)
		default:
			s.evaluateBatch(ctx, due)
			if err := queue.Release(ctx, due...); err != nil && ctx.Err() == nil {
				s.Logger.Warn("releasing the leases of evaluations failed; they lapse", "error", err)
			}
			sleep(ctx, time.Since(began)) // what arrives meanwhile has half of the store's time
		}
	}
}

// evaluateBatch settles in one transaction; when that fails, one by one.
func (s *Evaluator) evaluateBatch(ctx context.Context, due []dora.Evaluation) {
	err := s.Rules.Update(ctx, s.Store, s.Now(), func(r *rules.Session) error {
		for _, one := range due {
			if err := r.Evaluate(one); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return
	}
	for _, one := range due {
		s.run(ctx, one)
	}
}

// run settles one thing. A failure is logged, and it is looked at again later.
func (s *Evaluator) run(ctx context.Context, one dora.Evaluation) {
	var err error
	if one.Kind == dora.DeploymentEvaluation {
		err = s.evaluateDeployment(ctx, one)
	} else {
		err = s.Rules.Update(ctx, s.Store, s.Now(), func(r *rules.Session) error { return r.Evaluate(one) })
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	one.Attempts++
	wait := dora.Backoff(one.Attempts)
	s.Logger.Error("can't settle, trying again", "what", one.Kind, "key", dora.LabelValue(one.Key), "error", err)
	one.Due = s.Now().Add(wait)
	if err := s.Store.Update(ctx, func(tx dora.Tx) error { return tx.Evaluations().Retry(one) }); err != nil {
		sleep(ctx, wait)
	}
}

// evaluateDeployment finds out what a deployment ships, and settles it.
func (s *Evaluator) evaluateDeployment(ctx context.Context, one dora.Evaluation) error {
	var t, before dora.DeploymentRecord
	var follows bool
	err := s.Store.Update(ctx, func(tx dora.Tx) (err error) {
		var known bool
		if t, known, err = tx.History().Deployment(one.Key); err != nil || !known {
			return errors.Join(err, tx.Evaluations().Done(one))
		}
		before, follows, err = tx.History().Previous(t.Scope(), t.Moment())
		return err
	})
	if err != nil || t.ID == 0 {
		return err
	}
	success, _ := t.First(dora.Success)
	ctx, end := s.Trace.step(ctx, stepSettle, dora.StatusDeliveryKey(t.Host, success.ID))
	defer func() { end(err) }()
	ask := dora.Comparison{Head: t.Commit(), Paths: s.Rules.Policy.PathsFor(t.Deployment)}
	if follows {
		ask.Base = before.SHA
	}
	ask.Known = func(sha string) (dora.Origin, bool) {
		c := ask.Head
		c.SHA = sha
		o, known, err := s.Store.KnownOrigin(ctx, c.Key())
		return o, known && err == nil
	}
	shipment, learned, err := s.Enricher.Ship(ctx, ask)
	if ctx.Err() != nil {
		return nil // it is looked up again after the next start
	}
	var final bool
	shipment, one, final = s.interpret(ctx, one, t, shipment, err)
	shipment.Base = ask.Base
	stored := s.Rules.Update(ctx, s.Store, s.Now(), func(r *rules.Session) error {
		if err := r.SaveOrigins(ask.Head, learned); err != nil {
			return err
		}
		if !final {
			return r.Evaluations().Retry(one)
		}
		return r.EvaluateDeployment(one, before.Key(), shipment)
	})
	if stored != nil {
		err = stored
	} else if final {
		s.evaluated(ctx, one, t)
	}
	return stored
}

// interpret decides what an answer means: the final shipment, or when to ask again.
func (s *Evaluator) interpret(ctx context.Context, one dora.Evaluation, t dora.DeploymentRecord, shipment dora.Shipment, err error) (dora.Shipment, dora.Evaluation, bool) {
	if err == nil {
		return shipment, one, true
	}
	job, final := retry(dora.Lookup{Commit: t.Commit(), Attempts: one.Attempts, Misses: one.Misses}, s.Now(), err)
	if final {
		reason := dora.ReasonNotFound
		var missing *dora.NotFoundError
		if errors.As(err, &missing) {
			reason = missing.Reason
		}
		shipment = dora.Shipment{Relation: dora.Gone, Changes: []dora.Change{{Origin: dora.Origin{Unavailable: reason}, SHA: t.SHA}}}
		return shipment, one, true
	}
	one.Attempts, one.Misses, one.Due = job.Attempts, job.Misses, job.Due
	s.failed(ctx, one, t, err)
	return shipment, one, false
}
