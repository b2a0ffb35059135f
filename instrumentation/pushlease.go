package instrumentation

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Of several servers that share a store, one at a time pushes the metrics. It holds a lease in the store and prolongs it every few seconds.
// When a server stops it releases the lease; when it dies or is cut off, the lease lapses, and another server claims it. Before that one
// pushes, it adds all stored facts to its metrics: whatever the server before it has pushed came from these, so no value goes back.
//
// A server that was paused, or can't reach the store, counts on its lease only until the time at which it lapses in the store, and by a
// clock that goes on during a pause. Values that were collected before the lease was lost are not pushed afterwards, since other servers
// may have pushed newer ones.

// PushLease is the lease on the push, in a store that several servers share. Its methods are safe for concurrent use.
type PushLease interface {
	// ClaimPush leases the push to this server for a term, from now on, and reports whether it did: false if another server holds the
	// lease. A server that holds it already prolongs it.
	ClaimPush(ctx context.Context, term time.Duration) (bool, error)
	// ReleasePush gives the lease up, if this server holds it, so that another one can claim it at once.
	ReleasePush(ctx context.Context) error
}

const (
	// leaseTerm is for how long the lease is claimed: so long is nothing pushed after a server has died.
	leaseTerm = 10 * time.Second
	// leaseRenewal is the time between two attempts to claim or prolong the lease.
	leaseRenewal = leaseTerm / 4
	// releaseTimeout bounds how long a stop waits for the store, for the first claim and for the release.
	releaseTimeout = 500 * time.Millisecond
)

// leaseKeeper claims and prolongs the lease on the push.
type leaseKeeper struct {
	lease  PushLease
	logger *slog.Logger
	// prepare is called when this server has claimed the lease, after others may have pushed.
	prepare func(context.Context) error
	// onHeld is called when this server may push.
	onHeld func()
	// tried is closed after the first attempt to claim the lease.
	tried chan struct{}

	mu      sync.Mutex
	held    *heldLease
	failing bool
}

// heldLease is a time in which this server holds the lease without a break.
type heldLease struct {
	// ctx ends when the lease may have lapsed.
	ctx context.Context
	end context.CancelFunc
	// until is the time at which it lapses unless it is prolonged, lapse ends ctx then.
	until time.Time
	lapse *time.Timer
}

// run keeps the lease until ctx ends, and then releases it.
func (k *leaseKeeper) run(ctx context.Context) {
	for first := true; ; first = false {
		if k.renew(ctx); first {
			close(k.tried)
		}
		if !sleep(ctx, leaseRenewal) {
			break
		}
	}
	k.end()
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	_ = k.lease.ReleasePush(release) // otherwise it lapses
}

// renew claims or prolongs the lease.
func (k *leaseKeeper) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaseRenewal)
	defer cancel()
	until := time.Now().Add(leaseTerm) // before the claim, and so before it lapses in the store
	held, err := k.lease.ClaimPush(ctx, leaseTerm)
	switch {
	case err != nil:
		k.report(err)
		return
	case !held:
		k.end()
		k.report(nil)
		return
	case k.prolong(until):
		k.report(nil)
		return
	}
	if err = k.prepare(ctx); err != nil { // another server may do better
		_ = k.lease.ReleasePush(ctx)
	} else {
		k.begin(until)
	}
	k.report(err)
}

// current returns what this server holds now; nil if it does not hold the lease.
func (k *leaseKeeper) current() *heldLease {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held == nil || k.held.ctx.Err() != nil || !time.Now().Before(k.held.until) {
		return nil
	}
	return k.held
}

// prolong reports whether this server has held the lease all the time, and prolongs it.
func (k *leaseKeeper) prolong(until time.Time) bool {
	h := k.current()
	if h == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	h.until = until
	h.lapse.Reset(time.Until(until))
	return h.ctx.Err() == nil
}

func (k *leaseKeeper) begin(until time.Time) {
	ctx, end := context.WithCancel(context.Background())
	k.mu.Lock()
	k.held = &heldLease{ctx: ctx, end: end, until: until, lapse: time.AfterFunc(time.Until(until), end)}
	k.mu.Unlock()
	k.logger.Info("this server pushes the metrics")
	k.onHeld()
}

// end stops pushing.
func (k *leaseKeeper) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held == nil {
		return
	}
	k.held.lapse.Stop()
	k.held.end()
	k.held = nil
	k.logger.Info("this server does not push the metrics any more")
}

// report logs when keeping the lease begins to fail and when it works again.
func (k *leaseKeeper) report(err error) {
	if failing := err != nil; failing == k.failing {
		return
	}
	if k.failing = err != nil; k.failing {
		k.logger.Warn("claiming the push of metrics failed, will retry", "error", err)
		return
	}
	k.logger.Info("claiming the push of metrics works again")
}
