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

// missWaits are the waits after each answer that a commit is not there; the answer after the last one is final.
var notFoundRetries = [...]time.Duration{time.Minute, 10 * time.Minute, time.Hour}

// Lookups makes the look-ups that counted statuses wait for.
type Lookups struct {
	Store    LookupStore
	Enricher dora.Enricher
	Rules    *rules.Rules
	Logger   *slog.Logger
	// Trace follows the deliveries that a look-up is for; nil for none.
	Trace Trace
	// Now is the clock of the store; it decides when to try again, never a number.
	Now func() time.Time
}

// Run makes look-ups until ctx ends; those under way are given up then, and made again after the next start.
func (j *Lookups) Run(ctx context.Context) {
	lookUps := pool[dora.Lookup]{
		name: "the look-ups of commits", queue: j.Store.LookupQueue(), changes: j.Store, logger: j.Logger, now: j.Now, run: j.run,
	}
	lookUps.work(ctx)
}

// run looks up one commit and writes what follows. A failing write is logged and the look-up made again later.
func (j *Lookups) run(ctx context.Context, job dora.Lookup) {
	ctx, end := j.Trace.step(ctx, stepLookUp, j.waiting(ctx, job)...)
	origin, err := j.Enricher.Origin(ctx, job.Commit)
	defer func() { end(err) }()
	if ctx.Err() != nil {
		return
	}
	origin, again, final := j.interpret(ctx, job, origin, err)
	var counted []dora.WaitingStatus
	stored := j.Rules.Update(ctx, j.Store, j.Now(), func(r *rules.Session) (err error) {
		if !final {
			return r.Commits().RetryLookup(again)
		}
		counted, err = r.AddDurations(job.Commit, origin)
		return err
	})
	if stored != nil {
		err = stored
		if ctx.Err() == nil {
			j.Logger.ErrorContext(ctx, "can't store what was looked up, looking it up again", "repository", job.Commit.Repository,
				"sha", job.Commit.SHA, "error", err)
			sleep(ctx, dora.Backoff(job.Attempts+1))
		}
		return
	}
	for _, w := range counted {
		j.log(ctx, job.Commit, w, origin)
	}
}

// waiting are the keys of the deliveries that wait for a look-up; none when nobody follows them.
func (j *Lookups) waiting(ctx context.Context, job dora.Lookup) (keys []string) {
	if j.Trace == nil {
		return nil
	}
	subjects, err := j.Store.Waiting(ctx, job.Commit.Key())
	if err != nil {
		j.Logger.DebugContext(ctx, "can't read what waits for a look-up", "sha", job.Commit.SHA, "error", err)
	}
	for _, subject := range subjects {
		_, key, _ := dora.CutSubject(subject)
		keys = append(keys, dora.StatusDeliveryKeyOf(key))
	}
	return keys
}

// interpret decides what an answer means: the final origin, or the job as it is to be tried again.
func (j *Lookups) interpret(ctx context.Context, job dora.Lookup, o dora.Origin, err error) (origin dora.Origin, again dora.Lookup, final bool) {
	if err == nil {
		return o, job, true
	}
	again, final = retry(job, j.Now(), err)
	if final {
		var missing *dora.NotFoundError
		errors.As(err, &missing)
		return dora.Origin{Unavailable: missing.Reason}, job, true
	}
	j.Logger.DebugContext(ctx, "look-up failed, trying again", "repository", job.Commit.Repository, "sha", job.Commit.SHA,
		"retry_in", again.Due.Sub(j.Now()).Round(time.Second), "error", err)
	return dora.Origin{}, again, false
}

// retry is a job as it is to be tried again after an error, or final after the last answer that the commit is not there.
func retry(job dora.Lookup, now time.Time, err error) (again dora.Lookup, final bool) {
	var wait time.Duration
	var missing *dora.NotFoundError
	switch {
	case !errors.As(err, &missing):
		job.Attempts++
		wait = dora.Backoff(job.Attempts)
	case job.Misses == len(notFoundRetries):
		return job, true
	default:
		wait = notFoundRetries[job.Misses]
		job.Attempts = 0
		job.Misses++
	}
	job.Due = now.Add(wait)
	return job, false
}

// log says how a duration came about.
func (j *Lookups) log(ctx context.Context, c dora.Commit, w dora.WaitingStatus, o dora.Origin) {
	ms, reason := o.Until(w.At)
	if reason != "" {
		j.Logger.WarnContext(ctx, "a deployment has no duration", "environment", w.Labels["environment"], "repository", c.Repository,
			"status", w.Labels["status"], "team", w.Labels["team"], "sha", c.SHA, "reason", reason)
		return
	}
	seconds := dora.Milliseconds.Scale(ms)
	j.Logger.DebugContext(ctx, "", "repo", c.Repository, "sha", c.SHA, "commit_duration", durationText(ms))
	j.Logger.DebugContext(ctx, "", "counter", "deployments_duration", "action", "set", "value", seconds)
}

// durationText writes milliseconds as 25h33m42.887s, up to the 292 years that time.Duration can hold.
func durationText(ms int64) string {
	return (time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond).String()
}
