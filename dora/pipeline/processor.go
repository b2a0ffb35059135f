package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

const (
	// batchSize and batchTime bound the work of one transaction, and so how long deliveries that arrive and other processes have to
	// wait for it.
	batchSize = 256
	batchTime = 500 * time.Millisecond
	// idleTime is the longest sleep: another process may add deliveries without waking this one.
	idleTime = 2 * time.Second
	// gatherTime is how long to wait for more changes after one: each transaction costs an fsync that arriving deliveries wait for.
	gatherTime = 25 * time.Millisecond
	// burstPause is a pause between webhooks that ends a burst. maxBurst bounds how long the processor waits for the end of one.
	burstPause = 10 * time.Millisecond
	maxBurst   = 500 * time.Millisecond
	// maxAttempts is how often processing a delivery is tried, over some 15 seconds, before it becomes a dead letter. Failures of
	// the store or of the catalog don't count.
	maxAttempts = 5
	// maxStoreFailures is the same, over some four minutes, for a delivery whose transaction makes the store fail while others succeed.
	maxStoreFailures = 10
	// failingRetry is how long a delivery is postponed whose transaction fails for want of room, or the like, while others succeed.
	failingRetry = 15 * time.Second
)

// Processor turns pending deliveries into facts, state and work.
type Processor struct {
	Store        DeliveryStore
	Catalog      dora.Catalog
	Environments dora.Environments
	IssueTeams   dora.IssueTeams
	Rules        *rules.Rules
	Logger       *slog.Logger
	// MaxWait is how long a delivery waits for its team, from the first failed look-up in the catalog. After that it counts under
	// team Unknown.
	MaxWait time.Duration
	// Now is the clock of the store.
	Now func() time.Time
	// Trace records a step for each delivery; nil for none.
	Trace Trace
	// OnTeamGivenUp is called for each delivery whose team was not found within MaxWait.
	OnTeamGivenUp func()

	// limit is how many deliveries the next batch has at most; 0 for batchSize.
	limit  int
	health Health
	// hasSucceeded is true if a transaction has succeeded since the last failure of the store for a single delivery.
	hasSucceeded bool
	// catalogHealth is whether the catalog answers in time, slowAt when it last did not.
	catalogHealth Health
	slowAt        time.Time
}

// Run processes deliveries until ctx ends.
func (p *Processor) Run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		revision := p.Store.Revision()
		start := time.Now()
		n, err := p.processBatch(ctx)
		if ctx.Err() != nil {
			return
		}
		p.health.Set(p.Logger, "processing deliveries", err)
		if err != nil {
			failures++
			Sleep(ctx, dora.Backoff(1))
			// A commit of the store shows that it works again.
			sleepUnlessChanged(ctx, dora.Backoff(failures)-dora.Backoff(1), p.Store, revision)
			continue
		}
		failures = 0
		if n == 0 {
			sleepUnlessChanged(ctx, idleTime, p.Store, revision)
			p.waitForBurst(ctx)
			continue
		}
		Sleep(ctx, pauseAfter(p.Store, start))
	}
}

// waitForBurst returns when a burst of webhooks ends, and after maxBurst at the latest: requests are answered first.
func (p *Processor) waitForBurst(ctx context.Context) {
	for end := time.Now().Add(maxBurst); time.Now().Before(end); {
		revision := p.Store.Revision()
		Sleep(ctx, burstPause)
		if p.Store.Revision() == revision {
			return
		}
	}
}

// Err returns why processing deliveries fails at the moment; nil if it works.
func (p *Processor) Err() error { return p.health.err() }

// Drain processes the pending deliveries. It returns when there are none left or ctx ends.
func (p *Processor) Drain(ctx context.Context) error {
	for {
		n, err := p.processBatch(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
}

// processBatch processes the oldest pending deliveries and returns their number. If the transaction for all of them fails, each is
// processed in its own, so that one bad delivery does not hold up the others.
func (p *Processor) processBatch(ctx context.Context) (n int, err error) {
	queue := p.Store.DeliveryQueue()
	deliveries, err := queue.Claim(ctx, p.Now(), lease, cmp.Or(p.limit, batchSize))
	if err != nil || len(deliveries) == 0 {
		return 0, err
	}
	defer func() { err = errors.Join(err, queue.Release(context.WithoutCancel(ctx), deliveries...)) }()
	for _, d := range deliveries {
		p.Environments.Apply(d.Event)
	}
	batch := p.findTeams(ctx, deliveries)
	defer endSteps(batch, nil)
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n, err = p.applyRules(ctx, batch...)
	p.hasSucceeded = p.hasSucceeded || err == nil
	switch limit := cmp.Or(p.limit, batchSize); {
	case err == nil && n < len(batch): // the others are claimed anew
		p.limit = n
	case err == nil:
		p.limit = min(2*limit, batchSize)
	}
	if errors.Is(err, dora.ErrStoreFailing) {
		n, err = p.isolateFailing(batch, err)
	}
	if err == nil || errors.Is(err, dora.ErrStoreFailing) {
		endSteps(batch, err)
		return n, err
	}
	for i, d := range batch {
		_, err := p.applyRules(ctx, d)
		endSteps(batch[i:i+1], err)
		if err != nil && !errors.Is(err, dora.ErrStoreFailing) {
			err = p.retryOrSetAside(d.ctx, d.Delivery, err, d.Attempts+1-d.StoreFailures, maxAttempts)
		}
		if err != nil {
			return 0, err
		}
	}
	return len(batch), nil
}

// endSteps ends the trace steps of deliveries that have not ended; a delivery without a team ends with the error of its look-up.
func endSteps(batch []ownedDelivery, err error) {
	for _, d := range batch {
		d.endStep(cmp.Or(err, d.teamErr))
	}
}

// applyRules processes deliveries in one transaction, or postpones those without a team, and then logs them. It returns how many it
// has taken: all, or the first ones after which batchTime had passed.
func (p *Processor) applyRules(ctx context.Context, batch ...ownedDelivery) (taken int, err error) {
	err = p.Rules.Update(ctx, p.Store, p.Now(), func(r *rules.Session) error {
		began := time.Now()
		for taken = 0; taken < len(batch) && (taken == 0 || time.Since(began) < batchTime); taken++ {
			d := batch[taken]
			var err error
			if d.postponed() {
				err = r.Deliveries().Postpone(d.ID, d.WaitingSince, d.retryAt)
			} else {
				err = r.Process(d.Delivery, d.team)
			}
			if err != nil {
				return fmt.Errorf("delivery %s: %w", d.Key, err)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, d := range batch[:taken] {
		if d.givenUp != nil {
			p.Logger.WarnContext(d.ctx, "catalog lookup timed out, counting under team "+dora.Unknown, "delivery", d.Key, "error", d.givenUp)
			p.OnTeamGivenUp()
		}
		if !d.postponed() {
			p.logEvent(d)
		}
	}
	return taken, nil
}

// isolateFailing makes the next batch a single delivery after the store has failed in one with others: then either the store fails for that, too,
// or one of the others is the cause. A single delivery is postponed if the store can write that. If what it does may be the cause, and another
// one has succeeded since the last failure, that counts as an attempt, and it becomes a dead letter after the last one. While none succeeds, as
// with a full disk, nothing does.
func (p *Processor) isolateFailing(batch []ownedDelivery, why error) (n int, err error) {
	p.limit = 1
	if len(batch) > 1 {
		return 0, why
	}
	d, othersSucceed := batch[0], p.hasSucceeded
	p.hasSucceeded = false
	if othersSucceed && errors.Is(why, dora.ErrTransactionFailing) {
		d.StoreFailures++
		err = p.retryOrSetAside(d.ctx, d.Delivery, why, d.StoreFailures, maxStoreFailures)
	} else {
		err = p.Store.Update(d.ctx, func(tx dora.Tx) error {
			return tx.Deliveries().Retry(d.ID, d.Attempts, d.StoreFailures, why.Error(), p.Now().Add(failingRetry))
		})
		if err == nil {
			p.Logger.WarnContext(d.ctx, "the store fails for one delivery, will retry", "delivery", d.ID, "key", d.Key, "error", why)
		}
	}
	if err != nil || !othersSucceed {
		return 0, why
	}
	return 1, nil
}

// retryOrSetAside schedules a delivery for another attempt that has failed several times in the same way. After limit failures it becomes
// a dead letter.
func (p *Processor) retryOrSetAside(ctx context.Context, d dora.Delivery, why error, failures, limit int) error {
	d.Attempts++
	wait := dora.Backoff(failures)
	last := failures >= limit
	err := p.Store.Update(ctx, func(tx dora.Tx) error {
		if last {
			return tx.Deliveries().SetAside(d.ID, d.Attempts, why.Error())
		}
		return tx.Deliveries().Retry(d.ID, d.Attempts, d.StoreFailures, why.Error(), p.Now().Add(wait))
	})
	switch {
	case err != nil:
		return err
	case last:
		p.Logger.ErrorContext(ctx, "processing delivery failed, it is set aside as a dead letter; list dead letters with "+
			"\"dora-exporter deliveries list\", retry them with \"dora-exporter deliveries retry\"", "delivery", d.ID, "key", d.Key, "attempts", d.Attempts, "error", why)
	default:
		p.Logger.WarnContext(ctx, "processing delivery failed, will retry", "delivery", d.ID, "key", d.Key, "attempts", d.Attempts, "error", why)
	}
	return nil
}

// logEvent writes the log line about a processed event that the existing exporter documents: its message is empty, and its keys
// are fixed. Names are cut as in labels, since they come from outside. What a backfill brings is only worth a line for debugging.
func (p *Processor) logEvent(d ownedDelivery) {
	level := slog.LevelInfo
	if d.Event.Backfilled {
		level = slog.LevelDebug
	}
	switch e := d.Event; {
	case e.Status != nil:
		p.Logger.Log(d.ctx, level, "", "endpoint", d.Source, "environment", dora.LabelValue(e.Status.Deployment.Environment),
			"repository", dora.LabelValue(e.Status.Deployment.Repository), "status", dora.LabelValue(e.Status.State), "team", d.team, "sha", dora.LabelValue(e.Status.Deployment.SHA))
		p.Logger.DebugContext(d.ctx, "", "counter", "deployments_count", "action", "inc")
	case e.Deployment != nil:
		p.Logger.Log(d.ctx, level, "", "endpoint", d.Source, "environment", dora.LabelValue(e.Deployment.Environment),
			"repository", dora.LabelValue(e.Deployment.Repository), "status", "created", "team", d.team, "sha", dora.LabelValue(e.Deployment.SHA))
	case e.Incident != nil:
		p.Logger.Log(d.ctx, level, "", "endpoint", d.Source, "event", e.Incident.Event, "key", dora.LabelValue(e.Incident.Key),
			"issue_status", dora.LabelValue(e.Incident.StatusName), "project", dora.LabelValue(e.Incident.Project), "team", d.team)
	}
}
