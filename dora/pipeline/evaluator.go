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

// Evaluator evaluates deployments and incidents together with their neighbours, when these have had the time to arrive: what a
// deployment ships, what that shows about earlier deployments, and what repaired them.
type Evaluator struct {
	Store    EvaluationStore
	Enricher dora.Enricher
	Rules    *rules.Rules
	Logger   *slog.Logger
	// Trace records a step for the successful status of each evaluated deployment; nil for none.
	Trace Trace
	// GiveUp is how long a call may fail although GitHub answers others.
	GiveUp time.Duration
	// Now is the clock of the store. It decides when to evaluate, never a number.
	Now func() time.Time

	failing failingScopes
}

// Run makes the evaluations that are due until ctx ends. It abandons those in progress then; the next start makes them again.
func (e *Evaluator) Run(ctx context.Context) {
	deployments := pool[dora.Evaluation]{
		name: "evaluations of deployments", queue: e.Store.ComparisonQueue(), changes: e.Store, logger: e.Logger, now: e.Now, run: e.evaluate,
		turn: turn,
	}
	var others sync.WaitGroup
	others.Go(func() { e.evaluateOthers(ctx) })
	deployments.work(ctx)
	others.Wait()
}

// evaluateOthers makes the evaluations that need no call of GitHub, many in one transaction.
func (e *Evaluator) evaluateOthers(ctx context.Context) {
	var reading Health
	queue := e.Store.EvaluationQueue()
	for ctx.Err() == nil {
		revision, start := e.Store.Revision(), time.Now()
		due, err := queue.Claim(ctx, e.Now(), lease, batchSize)
		if ctx.Err() != nil {
			return
		}
		reading.Set(e.Logger, "reading other evaluations", err)
		switch {
		case err != nil:
			Sleep(ctx, dora.Backoff(1))
		case len(due) == 0:
			sleepUnlessChanged(ctx, idleTime/2, e.Store, revision)
			Sleep(ctx, gatherTime)
		default:
			e.evaluateBatch(ctx, due)
			if err := queue.Release(ctx, due...); err != nil && ctx.Err() == nil {
				e.Logger.Warn("releasing the leases of evaluations failed; they lapse", "error", err)
			}
			Sleep(ctx, pauseAfter(e.Store, start))
		}
	}
}

// evaluateBatch makes evaluations in one transaction, or in one each if that fails. It leaves those to the next one before which batchTime has
// passed.
func (e *Evaluator) evaluateBatch(ctx context.Context, due []dora.Evaluation) {
	err := e.Rules.Update(ctx, e.Store, e.Now(), func(r *rules.Session) error {
		began := time.Now()
		for i, evaluation := range due {
			if i > 0 && time.Since(began) >= batchTime {
				return nil
			}
			if err := r.Evaluate(evaluation); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return
	}
	for _, evaluation := range due {
		e.evaluate(ctx, evaluation)
	}
}

// evaluate makes one evaluation. If it fails, that is logged and the evaluation is made again later.
func (e *Evaluator) evaluate(ctx context.Context, evaluation dora.Evaluation) {
	var err error
	if evaluation.Kind == dora.DeploymentEvaluation {
		err = e.evaluateDeployment(ctx, evaluation)
	} else {
		err = e.Rules.Update(ctx, e.Store, e.Now(), func(r *rules.Session) error { return r.Evaluate(evaluation) })
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	evaluation.Attempts++
	wait := dora.Backoff(evaluation.Attempts)
	e.Logger.Error("evaluation failed, will retry", "what", evaluation.Kind, "key", dora.LabelValue(evaluation.Key), "error", err)
	evaluation.Due = e.Now().Add(wait)
	if err := persist(ctx, e.Store, func(tx dora.Tx) error { return tx.Evaluations().Retry(evaluation) }); err != nil {
		Sleep(ctx, wait)
	}
}

// evaluateDeployment asks GitHub what a deployment ships and applies the rules to the answer.
func (e *Evaluator) evaluateDeployment(ctx context.Context, evaluation dora.Evaluation) error {
	var t dora.DeploymentRecord
	var previous dora.Run
	var follows, waits bool
	err := e.Store.Update(ctx, func(tx dora.Tx) (err error) {
		if waits, err = e.waitsForRepository(tx, evaluation); err != nil || waits {
			return err
		}
		var known bool
		if t, known, err = tx.History().Deployment(evaluation.Key); err != nil || !known {
			return errors.Join(err, tx.Evaluations().Done(evaluation))
		}
		previous, follows, err = tx.History().Previous(t.Scope(), t.Moment())
		return err
	})
	if err != nil || t.ID == 0 || waits {
		return err
	}
	if t.Ignored != "" {
		return e.update(ctx, evaluation, func(r *rules.Session) error { return r.EvaluateDeployment(evaluation, "", dora.Shipment{}) })
	}
	success, _ := t.First(dora.Success)
	ctx, end := e.Trace.step(ctx, stepEvaluate, dora.StatusDeliveryKey(t.Host, success.ID))
	defer func() { end(err) }()
	comparison, err := e.comparison(ctx, t)
	if err != nil {
		return err
	}
	comparison.GiveUp = func(call *dora.UnansweredError) bool { return evaluation.FailingCalls.Add(call, e.Now()) >= e.GiveUp }
	if follows {
		comparison.Base = previous.SHA
	}
	began := e.Now()
	shipment, learned, err := e.Enricher.Ship(ctx, comparison)
	if ctx.Err() != nil {
		return nil // the next start evaluates it again
	}
	var final bool
	shipment, evaluation, final = e.interpret(ctx, evaluation, began, t, shipment, err)
	shipment.Base = comparison.Base
	update := e.update
	if paused := new(dora.PausedError); errors.As(err, &paused) {
		update = e.postpone
	}
	stored := update(ctx, evaluation, func(r *rules.Session) error {
		if err := r.SaveOrigins(t.Commit(), learned, shipment); err != nil {
			return err
		}
		if !final {
			return r.RetryDeployment(evaluation)
		}
		return r.EvaluateDeployment(evaluation, previous.Key(), shipment)
	})
	if stored != nil {
		err = stored
	} else if final {
		e.logEvaluated(ctx, evaluation, began, t, shipment.Missing)
	}
	return stored
}

// update stores what follows from an evaluation of a deployment, and resumes the one that waits for it.
func (e *Evaluator) update(ctx context.Context, made dora.Evaluation, f func(*rules.Session) error) error {
	return e.Rules.Update(ctx, e.Store, e.Now(), func(r *rules.Session) error {
		if err := f(r); err != nil {
			return err
		}
		return resumeRepository(r, made)
	})
}

// postpone stores that an evaluation waits, and those of its repository that wait for it still do.
func (e *Evaluator) postpone(ctx context.Context, _ dora.Evaluation, f func(*rules.Session) error) error {
	return e.Rules.Update(ctx, e.Store, e.Now(), f)
}

// comparison returns what to ask GitHub for a deployment, without the commit to compare it with.
func (e *Evaluator) comparison(ctx context.Context, t dora.DeploymentRecord) (dora.Comparison, error) {
	head, err := byNewestName(ctx, e.Store, t.Commit(), t.RepositoryKey())
	return dora.Comparison{
		Head: head, Paths: e.Rules.Policy.PathsFor(t.Deployment), At: t.Succeeded(), Past: e.Store.Past(t),
		Known: func(sha string) (dora.Origin, bool) {
			o, known, err := e.Store.KnownOrigin(ctx, t.Commit().At(sha).Key())
			return o, known && err == nil
		},
	}, err
}

// maxRepositoryWait is the longest time until an evaluation that waits for another one looks again. A repository may have hundreds of
// environments, and each look is a write.
const maxRepositoryWait = 10 * time.Second

// pausedRepositoryWait is the same while calls for the other one are paused: its end resumes those that wait.
const pausedRepositoryWait = time.Minute

// waitsForRepository postpones an evaluation while an earlier success of the repository, in another scope, is still to be evaluated:
// where a change began depends on which commits were shipped before (dora.Past.FirstChanges). One that fails is not waited for.
func (e *Evaluator) waitsForRepository(tx dora.Tx, evaluation dora.Evaluation) (bool, error) {
	earlier, waits, err := tx.Evaluations().FirstUntried(dora.RepositoryOf(evaluation.Scope), evaluation.At)
	if err != nil || !waits {
		return false, err
	}
	now := e.Now()
	overdue := max(now.Sub(earlier.Due), 0) // long while calls are paused: then ask less often
	evaluation.Due = now.Add(min(max(overdue/8, gatherTime), maxRepositoryWait))
	if earlier.Due.After(earlier.Ripe) { // it was postponed
		evaluation.Due = now.Add(pausedRepositoryWait)
	}
	if earlier.Due.After(evaluation.Due) {
		evaluation.Due = earlier.Due
	}
	return true, tx.Evaluations().Retry(evaluation)
}

// turn returns the repository in which an evaluation waits for earlier ones, and they for it, and its place there. It has none if it has failed
// before: waitsForRepository decides then.
func turn(s dora.Evaluation) (repository string, at time.Time) {
	if s.Attempts > 0 || s.Misses > 0 {
		return "", s.At
	}
	return dora.RepositoryOf(s.Scope), s.At
}

// resumeRepository makes the evaluation due that waitsForRepository has postponed until another one of its repository was made.
func resumeRepository(tx dora.Tx, made dora.Evaluation) error {
	next, waits, err := tx.Evaluations().FirstUntried(dora.RepositoryOf(made.Scope), dora.FarFuture)
	if err != nil || !waits || !next.Due.After(next.Ripe) {
		return err
	}
	next.Due = next.Ripe
	return tx.Evaluations().Hasten(next) // another process may just be looking whether it still waits
}

// interpret returns what the answer of an attempt that began at a time means: the final shipment, or the evaluation with the time of its next attempt.
func (e *Evaluator) interpret(ctx context.Context, evaluation dora.Evaluation, began time.Time, t dora.DeploymentRecord, shipment dora.Shipment, err error) (
	dora.Shipment, dora.Evaluation, bool,
) {
	if err == nil {
		return shipment, evaluation, true
	}
	lookup, final := retry(lookupOf(evaluation, t), began, e.Now(), err) // Ship itself goes on without what is given up
	if final {
		reason := dora.ReasonNotFound
		var missing *dora.NotFoundError
		if errors.As(err, &missing) {
			reason = missing.Reason
		}
		shipment = dora.Shipment{Relation: dora.Gone, Changes: []dora.Change{{Origin: dora.Origin{Unavailable: reason}, SHA: t.SHA}}}
		return shipment, evaluation, true
	}
	evaluation.Attempts, evaluation.Misses, evaluation.Due = lookup.Attempts, lookup.Misses, lookup.Due
	evaluation.FailingSince, evaluation.FailingCalls, evaluation.Inaccessible = lookup.FailingSince, lookup.FailingCalls, lookup.Inaccessible
	e.logFailed(ctx, evaluation, t, err)
	return shipment, evaluation, false
}

// lookupOf returns the attempts at an evaluation as those of a look-up of its commit.
func lookupOf(e dora.Evaluation, t dora.DeploymentRecord) dora.Lookup {
	return dora.Lookup{
		Commit: t.Commit(), Due: e.Due, Attempts: e.Attempts, Misses: e.Misses,
		FailingSince: e.FailingSince, FailingCalls: e.FailingCalls, Inaccessible: e.Inaccessible,
	}
}
