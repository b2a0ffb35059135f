package dora

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"
)

// missWaits are the waits after each answer that a commit is not there; the answer after the last one is final.
var missWaits = [...]time.Duration{time.Minute, 10 * time.Minute, time.Hour}

// Jobs makes the look-ups that counted statuses wait for.
type Jobs struct {
	Store    Store
	Enricher Enricher
	Rules    *Rules
	Logger   *slog.Logger
	// Trace follows the deliveries that a look-up is for; nil for none.
	Trace Trace
	// Now is the clock of the store; it decides when to try again, never a number.
	Now func() time.Time
}

// Run makes look-ups until ctx ends; those under way are given up then, and made again after the next start.
func (j *Jobs) Run(ctx context.Context) {
	lookUps := pool[Job]{
		name: "the look-ups that are due", store: j.Store, logger: j.Logger, run: j.run,
		due: func(ctx context.Context, limit int) ([]Job, error) { return j.Store.DueJobs(ctx, j.Now(), limit) },
		key: func(job Job) string { return job.Commit.Key() },
	}
	lookUps.work(ctx)
}

// run looks up one commit and writes what follows. A failing write is logged and the look-up made again later.
func (j *Jobs) run(ctx context.Context, job Job) {
	ctx, end := j.Trace.step(ctx, stepLookUp, j.waiting(ctx, job)...)
	origin, err := j.Enricher.Origin(ctx, job.Commit)
	defer func() { end(err) }()
	if ctx.Err() != nil {
		return
	}
	origin, again, final := j.judge(ctx, job, origin, err)
	var counted []Waiting
	stored := j.Rules.update(ctx, j.Store, j.Now(), func(r *rules) (err error) {
		if !final {
			return r.SaveJob(again)
		}
		counted, err = r.answered(job.Commit, origin)
		return err
	})
	if stored != nil {
		err = stored
		if ctx.Err() == nil {
			j.Logger.ErrorContext(ctx, "can't store what was looked up, looking it up again", "repository", job.Commit.Repository,
				"sha", job.Commit.SHA, "error", err)
			sleep(ctx, Backoff(job.Attempts+1), nil)
		}
		return
	}
	for _, w := range counted {
		j.log(ctx, job.Commit, w, origin)
	}
}

// waiting are the keys of the deliveries that wait for a look-up; none when nobody follows them.
func (j *Jobs) waiting(ctx context.Context, job Job) (keys []string) {
	if j.Trace == nil {
		return nil
	}
	subjects, err := j.Store.Waiting(ctx, job.Commit.Key())
	if err != nil {
		j.Logger.DebugContext(ctx, "can't read what waits for a look-up", "sha", job.Commit.SHA, "error", err)
	}
	for _, subject := range subjects {
		_, key, _ := CutSubject(subject)
		keys = append(keys, StatusKeyOf(key))
	}
	return keys
}

// answered adds the durations of all statuses that wait for a commit and returns them.
func (r *rules) answered(c Commit, o Origin) ([]Waiting, error) {
	if err := r.SaveOrigin(c.Key(), o); err != nil {
		return nil, err
	}
	waiting, err := r.TakeWaiting(c.Key())
	if err != nil {
		return nil, err
	}
	for _, w := range waiting {
		if err := r.duration(w, o); err != nil {
			return nil, err
		}
	}
	return waiting, nil
}

// judge decides what an answer means: the final origin, or the job as it is to be tried again.
func (j *Jobs) judge(ctx context.Context, job Job, o Origin, err error) (origin Origin, again Job, final bool) {
	if err == nil {
		return o, job, true
	}
	again, final = retry(job, j.Now(), err)
	if final {
		var missing *NotFoundError
		errors.As(err, &missing)
		return Origin{Unavailable: missing.Reason}, job, true
	}
	j.Logger.DebugContext(ctx, "look-up failed, trying again", "repository", job.Commit.Repository, "sha", job.Commit.SHA,
		"retry_in", again.Due.Sub(j.Now()).Round(time.Second), "error", err)
	return Origin{}, again, false
}

// retry is a job as it is to be tried again after an error, or final after the last answer that the commit is not there.
func retry(job Job, now time.Time, err error) (again Job, final bool) {
	var wait time.Duration
	var missing *NotFoundError
	switch {
	case !errors.As(err, &missing):
		job.Attempts++
		wait = Backoff(job.Attempts)
	case job.Misses == len(missWaits):
		return job, true
	default:
		wait = missWaits[job.Misses]
		job.Attempts = 0
		job.Misses++
	}
	job.Due = now.Add(wait)
	return job, false
}

// log says how a duration came about.
func (j *Jobs) log(ctx context.Context, c Commit, w Waiting, o Origin) {
	ms, reason := o.until(w.At)
	if reason != "" {
		j.Logger.WarnContext(ctx, "a deployment has no duration", "environment", w.Labels["environment"], "repository", c.Repository,
			"status", w.Labels["status"], "team", w.Labels["team"], "sha", c.SHA, "reason", reason)
		return
	}
	seconds := Milliseconds.Scale(ms)
	j.Logger.DebugContext(ctx, "", "repo", c.Repository, "sha", c.SHA, "commit_duration", durationText(ms))
	j.Logger.DebugContext(ctx, "", "counter", "deployments_duration", "action", "set", "value", seconds)
}

// durationText writes milliseconds as 25h33m42.887s, up to the 292 years that time.Duration can hold.
func durationText(ms int64) string {
	return (time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond).String()
}
