package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"math"
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

// lookUp looks up one commit and applies the rules to the answer. If the answer can't be stored, the look-up is made again.
func (l *Lookups) lookUp(ctx context.Context, lookup dora.Lookup) {
	ctx, end := l.Trace.step(ctx, stepLookUp, l.waitingDeliveries(ctx, lookup)...)
	origin, err := l.ask(ctx, &lookup)
	defer func() { end(err) }()
	if ctx.Err() != nil {
		return
	}
	origin, again, final := l.interpret(ctx, lookup, origin, err)
	var counted []dora.WaitingStatus
	stored := l.Rules.Update(ctx, l.Store, l.Now(), func(r *rules.Session) (err error) {
		if !final {
			return r.Commits().RetryLookup(again)
		}
		counted, err = r.AddDurations(lookup.Commit, origin)
		return err
	})
	if stored != nil {
		err = stored
		if ctx.Err() == nil {
			l.Logger.ErrorContext(ctx, "storing look-up failed, will retry", "repository", lookup.Commit.Repository,
				"sha", lookup.Commit.SHA, "error", err)
			Sleep(ctx, dora.Backoff(lookup.Attempts+1))
		}
		return
	}
	for _, w := range counted {
		l.logDuration(ctx, lookup.Commit, w, origin)
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

// interpret returns what an answer means: the final origin, or the look-up with the time of its next attempt.
func (l *Lookups) interpret(ctx context.Context, lookup dora.Lookup, o dora.Origin, err error) (origin dora.Origin, again dora.Lookup, final bool) {
	if err == nil {
		return o, lookup, true
	}
	again, final = retry(lookup, l.Now(), err)
	var missing *dora.NotFoundError
	if final && errors.As(err, &missing) {
		return dora.Origin{Unavailable: missing.Reason}, lookup, true
	}
	l.Logger.DebugContext(ctx, "look-up failed, will retry", "repository", lookup.Commit.Repository, "sha", lookup.Commit.SHA,
		"retry_in", again.Due.Sub(l.Now()).Round(time.Second), "error", err)
	return dora.Origin{}, again, false
}

// logDuration logs the duration of a status. The debug lines are those that the existing exporter documents: their message is empty,
// and their keys are fixed.
func (l *Lookups) logDuration(ctx context.Context, c dora.Commit, w dora.WaitingStatus, o dora.Origin) {
	ms, reason := o.Until(w.At)
	if reason != "" {
		l.Logger.WarnContext(ctx, "deployment status has no duration", "environment", w.Labels["environment"], "repository", c.Repository,
			"status", w.Labels["status"], "team", w.Labels["team"], "sha", c.SHA, "reason", reason)
		return
	}
	seconds := dora.Milliseconds.Scale(ms)
	l.Logger.DebugContext(ctx, "", "repo", c.Repository, "sha", c.SHA, "commit_duration", durationText(ms))
	l.Logger.DebugContext(ctx, "", "counter", "deployments_duration", "action", "set", "value", seconds)
}

// durationText writes milliseconds as 25h33m42.887s, up to the 292 years that time.Duration can hold.
func durationText(ms int64) string {
	return (time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond).String()
}
