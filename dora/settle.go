package dora

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Settler looks at deployments and incidents together with their neighbours, when these have had the time to arrive: what a
// deployment ships, what that shows about earlier ones, and what repaired them.
type Settler struct {
	Store    Store
	Enricher Enricher
	Rules    *Rules
	Logger   *slog.Logger
	// Trace follows the success of a deployment that is settled; nil for none.
	Trace Trace
	// Now is the clock of the store; it decides when to look, never a number.
	Now func() time.Time

	failing failingScopes
}

// Run looks at what is due until ctx ends; look-ups under way are given up then, and made again after the next start.
func (s *Settler) Run(ctx context.Context) {
	lookUps := pool[Settling]{
		name: "the deployments to be settled", store: s.Store, logger: s.Logger, run: s.run,
		due: func(ctx context.Context, limit int) ([]Settling, error) {
			return s.Store.DueDeployments(ctx, s.Now(), limit)
		},
		key: func(one Settling) string { return one.Key },
	}
	var others sync.WaitGroup
	others.Go(func() { s.runOthers(ctx) })
	lookUps.work(ctx)
	others.Wait()
}

// runOthers looks at what needs no call, many in one transaction.
func (s *Settler) runOthers(ctx context.Context) {
	for ctx.Err() == nil {
		changed, began := s.Store.Changed(), time.Now()
		due, err := s.Store.DueSettling(ctx, s.Now(), batchSize)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			s.Logger.Error("can't read what is to be settled, trying again", "error", err)
			sleep(ctx, Backoff(1), nil)
		case len(due) == 0:
			sleep(ctx, idle/2, changed)
			sleep(ctx, gather, nil)
		default:
			s.settleTogether(ctx, due)
			sleep(ctx, time.Since(began), nil) // what arrives meanwhile has half of the store's time
		}
	}
}

// settleTogether settles in one transaction; when that fails, one by one.
func (s *Settler) settleTogether(ctx context.Context, due []Settling) {
	err := s.Rules.update(ctx, s.Store, s.Now(), func(r *rules) error {
		for _, one := range due {
			if err := r.settle(one); err != nil {
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

// settle looks at something that needs no call.
func (r *rules) settle(one Settling) error {
	switch one.Kind {
	case SettleOutcome:
		return r.settleOutcome(one)
	case SettleIncident, SettleIssue:
		return r.settleIncident(one)
	case SettleScope:
		if err := r.Settled(one); err != nil {
			return err
		}
		return r.judge(one.Scope)
	}
	return fmt.Errorf("this version does not know %q", one.Kind)
}

// run settles one thing. A failure is logged, and it is looked at again later.
func (s *Settler) run(ctx context.Context, one Settling) {
	var err error
	if one.Kind == SettleDeployment {
		err = s.deployment(ctx, one)
	} else {
		err = s.Rules.update(ctx, s.Store, s.Now(), func(r *rules) error { return r.settle(one) })
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	one.Attempts++
	wait := Backoff(one.Attempts)
	s.Logger.Error("can't settle, trying again", "what", one.Kind, "key", labelValue(one.Key), "error", err)
	one.Due = s.Now().Add(wait)
	if err := s.Store.Update(ctx, func(tx Tx) error { return tx.SaveSettling(one) }); err != nil {
		sleep(ctx, wait, nil)
	}
}

// deployment finds out what a deployment ships, and settles it.
func (s *Settler) deployment(ctx context.Context, one Settling) error {
	var t, before Tracked
	var follows bool
	err := s.Store.Update(ctx, func(tx Tx) (err error) {
		var known bool
		if t, known, err = tx.Tracked(one.Key); err != nil || !known {
			return errors.Join(err, tx.Settled(one))
		}
		before, follows, err = tx.Previous(t.Scope(), t.Moment())
		return err
	})
	if err != nil || t.ID == 0 {
		return err
	}
	success, _ := t.First(Success)
	ctx, end := s.Trace.step(ctx, stepSettle, StatusKey(t.Host, success.ID))
	defer func() { end(err) }()
	ask := Comparison{Head: t.Commit(), Paths: s.Rules.Policy.paths(t.Deployment)}
	if follows {
		ask.Base = before.SHA
	}
	ask.Known = func(sha string) (Origin, bool) {
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
	shipment, one, final = s.judge(ctx, one, t, shipment, err)
	shipment.Base = ask.Base
	stored := s.Rules.update(ctx, s.Store, s.Now(), func(r *rules) error {
		if err := r.learn(ask.Head, learned); err != nil {
			return err
		}
		if !final {
			return r.SaveSettling(one)
		}
		return r.settleDeployment(one, before.Key(), shipment)
	})
	if stored != nil {
		err = stored
	} else if final {
		s.evaluated(ctx, one, t)
	}
	return stored
}

// judge decides what an answer means: the final shipment, or when to ask again.
func (s *Settler) judge(ctx context.Context, one Settling, t Tracked, shipment Shipment, err error) (Shipment, Settling, bool) {
	if err == nil {
		return shipment, one, true
	}
	job, final := retry(Job{Commit: t.Commit(), Attempts: one.Attempts, Misses: one.Misses}, s.Now(), err)
	if final {
		reason := ReasonNotFound
		var missing *NotFoundError
		if errors.As(err, &missing) {
			reason = missing.Reason
		}
		shipment = Shipment{Relation: Gone, Changes: []Change{{Origin: Origin{Unavailable: reason}, SHA: t.SHA}}}
		return shipment, one, true
	}
	one.Attempts, one.Misses, one.Due = job.Attempts, job.Misses, job.Due
	s.failed(ctx, one, t, err)
	return shipment, one, false
}
