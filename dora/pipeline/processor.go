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
	// batchSize bounds what one transaction holds, and so how long the inbox waits for it.
	batchSize = 256
	// idle is the longest sleep: deliveries may also be added by another process.
	idleTime = 2 * time.Second
	// gather is how long to wait after a change for more of them: each transaction costs an fsync that the inbox waits for,
	// and each query some of the processor.
	gatherTime = 25 * time.Millisecond
	// quiet is the pause after which a burst of webhooks has passed, and patience how long the processor lets one go first.
	burstPause = 10 * time.Millisecond
	maxBurst   = 500 * time.Millisecond
	// attempts is how often processing a delivery is tried before it is set aside, over some 15 seconds. Failures of the
	// store or of the catalog are none.
	attempts = 5
)

// Processor turns pending deliveries into facts, state and jobs.
type Processor struct {
	Store        DeliveryStore
	Catalog      dora.Catalog
	Environments dora.Environments
	Rules        *rules.Rules
	Logger       *slog.Logger
	// MaxWait is how long a delivery waits for its team, from the first time that it could not be told; then the team is
	// Unknown.
	MaxWait time.Duration
	// Now is the clock of the store.
	Now func() time.Time
	// Trace follows each delivery; nil for none.
	Trace Trace
	// OnTeamGivenUp is called for each delivery whose team was not told within MaxWait.
	OnTeamGivenUp func()

	working health
}

// Run processes deliveries until ctx ends.
func (p *Processor) Run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		revision := p.Store.Revision()
		began := time.Now()
		n, err := p.batch(ctx)
		if ctx.Err() != nil {
			return
		}
		p.working.set(p.Logger, "process deliveries", err)
		if err != nil {
			failures++
			sleep(ctx, dora.Backoff(1))
			// A store that takes something again is a reason to try.
			sleepUnlessChanged(ctx, dora.Backoff(failures)-dora.Backoff(1), p.Store, revision)
			continue
		}
		failures = 0
		if n == 0 {
			sleepUnlessChanged(ctx, idleTime, p.Store, revision)
			p.waitForQuiet(ctx)
			continue
		}
		sleep(ctx, time.Since(began)) // what arrives meanwhile has half of the store's time
	}
}

// waitForQuiet returns when no more changes come, or after patience: a burst of webhooks is answered first and counted then.
func (p *Processor) waitForQuiet(ctx context.Context) {
	for end := time.Now().Add(maxBurst); time.Now().Before(end); {
		revision := p.Store.Revision()
		sleep(ctx, burstPause)
		if p.Store.Revision() == revision {
			return
		}
	}
}

// Err is why deliveries are not processed at the moment; nil when they are.
func (p *Processor) Err() error { return p.working.err() }

// Drain processes what is pending and returns when nothing is or ctx ends.
func (p *Processor) Drain(ctx context.Context) error {
	for {
		n, err := p.batch(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
}

// batch processes the oldest pending deliveries and returns how many there were. When they fail together, each is
// processed in a transaction of its own, so that one bad delivery does not hold up the others.
func (p *Processor) batch(ctx context.Context) (n int, err error) {
	queue := p.Store.DeliveryQueue()
	deliveries, err := queue.Claim(ctx, p.Now(), lease, batchSize)
	if err != nil || len(deliveries) == 0 {
		return 0, err
	}
	defer func() { err = errors.Join(err, queue.Release(context.WithoutCancel(ctx), deliveries...)) }()
	for _, d := range deliveries {
		p.Environments.Rename(d.Event)
	}
	batch := p.findTeams(ctx, deliveries)
	defer end(batch, nil)
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	err = p.process(ctx, batch...)
	if err == nil || errors.Is(err, dora.ErrStoreFailing) {
		end(batch, err)
		return len(batch), err
	}
	for i, d := range batch {
		err := p.process(ctx, d)
		end(batch[i:i+1], err)
		if err != nil && !errors.Is(err, dora.ErrStoreFailing) {
			err = p.failed(d.within, d.Delivery, err)
		}
		if err != nil {
			return 0, err
		}
	}
	return len(batch), nil
}

// end ends the steps of deliveries that have not ended. One whose team is not known has not come on.
func end(batch []ownedDelivery, err error) {
	for _, d := range batch {
		d.end(cmp.Or(err, d.why))
	}
}

// process writes what follows from deliveries in one transaction, then logs them.
func (p *Processor) process(ctx context.Context, batch ...ownedDelivery) error {
	err := p.Rules.Update(ctx, p.Store, p.Now(), func(r *rules.Session) error {
		for _, d := range batch {
			if err := d.write(r); err != nil {
				return fmt.Errorf("delivery %s: %w", d.Key, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range batch {
		if d.until.IsZero() {
			p.log(d)
		}
	}
	return nil
}

// write has the rules process a delivery, or postpones it while its team is not known.
func (d ownedDelivery) write(r *rules.Session) error {
	if !d.until.IsZero() {
		return r.Deliveries().Postpone(d.ID, d.WaitingSince, d.until)
	}
	return r.Process(d.Delivery, d.team)
}

// failed notes that a delivery can't be processed: it is tried again, and set aside for a person to look at when that did
// not help.
func (p *Processor) failed(ctx context.Context, d dora.Delivery, why error) error {
	d.Attempts++
	wait := dora.Backoff(d.Attempts)
	last := d.Attempts >= attempts
	err := p.Store.Update(ctx, func(tx dora.Tx) error {
		if last {
			return tx.Deliveries().SetAside(d.ID, d.Attempts, why.Error())
		}
		return tx.Deliveries().Retry(d.ID, d.Attempts, why.Error(), p.Now().Add(wait))
	})
	switch {
	case err != nil:
		return err
	case last:
		p.Logger.ErrorContext(ctx, "a delivery can't be processed and is set aside; see it with \"dora-exporter deliveries list\", have it tried again "+
			"with \"dora-exporter deliveries retry\"", "delivery", d.ID, "key", d.Key, "attempts", d.Attempts, "error", why)
	default:
		p.Logger.WarnContext(ctx, "a delivery can't be processed, trying again", "delivery", d.ID, "key", d.Key, "attempts", d.Attempts, "error", why)
	}
	return nil
}
