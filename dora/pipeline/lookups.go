package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// Lookups looks up the origins of commits that counted statuses wait for.
type Lookups struct {
	Store    LookupStore
	Enricher dora.Enricher
	Rules    *rules.Rules
	Logger   *slog.Logger
	// Trace records a step for the deliveries that wait for a look-up; nil for none.
	Trace Trace
	// GiveUp is how long a call may fail although GitHub answers others.
	GiveUp time.Duration
	// Now is the clock of the store. It decides when to retry and when to give up, never a number.
	Now func() time.Time
}

// Run makes look-ups until ctx ends. It abandons those in progress then; the next start makes them again.
func (l *Lookups) Run(ctx context.Context) {
	p := pool[dora.Lookup]{
		name: "look-ups of commits", queue: l.Store.LookupQueue(), changes: l.Store, logger: l.Logger, now: l.Now, run: l.lookUp,
	}
	p.work(ctx)
}

// lookUp looks up one commit and applies the rules to the answer. If the answer can't be stored, the look-up is made again later.
func (l *Lookups) lookUp(ctx context.Context, lookup dora.Lookup) {
	ctx, end := l.Trace.step(ctx, stepLookUp, l.waitingDeliveries(ctx, lookup)...)
	began := l.Now()
	origin, err := l.ask(ctx, &lookup)
	defer func() { end(err) }()
	if ctx.Err() != nil {
		return
	}
	origin, again, final := l.interpret(ctx, lookup, began, origin, err)
	stored := l.Rules.Update(ctx, l.Store, l.Now(), func(r *rules.Session) error {
		if !final {
			return r.Commits().RetryLookup(again)
		}
		return r.AddDurations(lookup.Commit, origin)
	})
	if stored == nil {
		return
	}
	if err = stored; ctx.Err() == nil {
		l.Logger.ErrorContext(ctx, "storing look-up failed, will retry", "repository", lookup.Commit.Repository,
			"sha", lookup.Commit.SHA, "error", err)
		l.postpone(ctx, lookup)
	}
}

// postpone stores when a look-up is made again whose answer can't be stored.
func (l *Lookups) postpone(ctx context.Context, lookup dora.Lookup) {
	lookup.Attempts++
	wait := dora.Backoff(lookup.Attempts)
	lookup.Due = l.Now().Add(wait)
	if persist(ctx, l.Store, func(tx dora.Tx) error { return tx.Commits().RetryLookup(lookup) }) != nil {
		Sleep(ctx, wait)
	}
}

// ask asks GitHub for the origin of a commit, unless an evaluation has done so meanwhile. A call that has failed for GiveUp although
// GitHub answered others is given up; otherwise the look-up remembers that it failed.
func (l *Lookups) ask(ctx context.Context, lookup *dora.Lookup) (dora.Origin, error) {
	if known, ok, err := l.Store.KnownOrigin(ctx, lookup.Commit.Key()); ok || err != nil {
		return known, err
	}
	c, err := byNewestName(ctx, l.Store, lookup.Commit, lookup.Repository)
	if err != nil {
		return dora.Origin{}, err
	}
	o, err := l.Enricher.Origin(ctx, c)
	var unanswered *dora.UnansweredError
	if !errors.As(err, &unanswered) {
		return o, err
	}
	failing := lookup.FailingCalls.Add(unanswered, l.Now())
	if failing < l.GiveUp {
		return o, err
	}
	l.Logger.WarnContext(ctx, "giving up an answer that GitHub failed to give, determining the duration without it", "repository", lookup.Commit.Repository,
		"sha", dora.LabelValue(lookup.Commit.SHA), "failing_for", failing.Round(time.Second), "error", err)
	return l.Enricher.PartialOrigin(ctx, c)
}

// waitingDeliveries returns the keys of the deliveries that wait for a look-up, for their traces.
func (l *Lookups) waitingDeliveries(ctx context.Context, lookup dora.Lookup) (keys []string) {
	if l.Trace == nil {
		return nil
	}
	subjects, err := l.Store.Waiting(ctx, lookup.Commit.Key())
	if err != nil {
		l.Logger.DebugContext(ctx, "reading the deliveries that wait for a look-up failed, their traces lack the step", "sha", lookup.Commit.SHA, "error", err)
	}
	for _, subject := range subjects {
		_, key, _ := dora.CutSubject(subject)
		keys = append(keys, dora.StatusDeliveryKeyOf(key))
	}
	return keys
}

// interpret returns what the answer of an attempt that began at a time means: the final origin, or the look-up with the time of its next attempt.
func (l *Lookups) interpret(ctx context.Context, lookup dora.Lookup, began time.Time, o dora.Origin, err error) (origin dora.Origin, again dora.Lookup, final bool) {
	if err == nil {
		return o, lookup, true
	}
	again, final = retry(lookup, began, l.Now(), err)
	var missing *dora.NotFoundError
	if final && errors.As(err, &missing) {
		return dora.Origin{Unavailable: missing.Reason}, lookup, true
	}
	l.Logger.DebugContext(ctx, "look-up failed, will retry", "repository", lookup.Commit.Repository, "sha", lookup.Commit.SHA,
		"retry_in", again.Due.Sub(l.Now()).Round(time.Second), "error", err)
	return dora.Origin{}, again, false
}
