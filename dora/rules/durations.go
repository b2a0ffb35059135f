package rules

import (
	"context"
	"log/slog"
	"math"
	"time"

	"dora-exporter/dora"
)

// AddDurations remembers the origin of a commit and adds the durations of the statuses that wait for it. An answer that was given up is
// not remembered: GitHub may give it to a later status.
func (r *Session) AddDurations(c dora.Commit, o dora.Origin) error {
	if o.Unavailable != dora.ReasonNoAnswer {
		if err := r.Commits().SaveOrigin(c.Key(), o); err != nil {
			return err
		}
	}
	waiting, err := r.Commits().TakeWaiting(c.Key())
	if err != nil {
		return err
	}
	for _, w := range waiting {
		if err := r.addDuration(c, w, o); err != nil {
			return err
		}
	}
	return nil
}

// addDuration adds the duration of a counted status of c: from the first commit to the status, in whole milliseconds. A duration that
// can't be determined is counted with the reason instead.
func (r *Session) addDuration(c dora.Commit, w dora.WaitingStatus, o dora.Origin) error {
	duration, reason := o.Until(w.At)
	r.logAfterCommit = append(r.logAfterCommit, func(ctx context.Context, logger *slog.Logger) { logDuration(ctx, logger, c, w, duration, reason) })
	fact := dora.Fact{Labels: w.Labels, Value: duration, At: w.At, ID: w.ID, Subject: w.Subject}
	if reason != "" {
		fact.Family, fact.Value = dora.DeploymentsDurationUnavailable, 1
		var err error
		if fact.Labels, err = r.limitLabels(r.families[fact.Family], w.Labels.With("reason", reason)); err != nil {
			return err
		}
		_, err = r.Facts().Add(fact)
		return err
	}
	for _, family := range []string{dora.DeploymentsDurationSum, dora.DeploymentsDuration} {
		fact.Family = family
		if _, err := r.Facts().Add(fact); err != nil {
			return err
		}
	}
	return nil
}

// logDuration logs the duration of a status in milliseconds, or the reason why it has none. The debug lines are those that the existing
// exporter documents: their message is empty, and their keys are fixed.
func logDuration(ctx context.Context, logger *slog.Logger, c dora.Commit, w dora.WaitingStatus, ms int64, reason string) {
	if reason != "" {
		logger.WarnContext(ctx, "deployment status has no duration", "environment", w.Labels["environment"], "repository", dora.LabelValue(c.Repository),
			"status", w.Labels["status"], "team", w.Labels["team"], "sha", dora.LabelValue(c.SHA), "reason", reason)
		return
	}
	logger.DebugContext(ctx, "", "repo", dora.LabelValue(c.Repository), "sha", dora.LabelValue(c.SHA), "commit_duration", durationText(ms))
	logger.DebugContext(ctx, "", "counter", "deployments_duration", "action", "set", "value", dora.Milliseconds.Scale(ms))
}

// durationText writes milliseconds as 25h33m42.887s, up to the 292 years that time.Duration can hold.
func durationText(ms int64) string {
	return (time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond).String()
}
