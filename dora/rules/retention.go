package rules

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"dora-exporter/dora"
)

// What storage.retention removes, and what stays.
//
// Facts and deliveries go by their arrival: they have no further effect. Deployments and issues go when their deliveries have gone and
// all of their events are old, too, unless a rule may still ask for them: what is pending, the newest run of each scope, failed changes
// that nothing has repaired, what others that stay are evidence against, and what decides whether a later run goes back to an earlier one
// (isAmongNewestRuns). So later evaluations find the same as if all were there, as long as they look back no further than the retention. Of
// environments that are abandoned, no newest run stays (isAbandoned).
//
// The keys of what is removed stay known. Events about a deployment or incident that was removed count in no dora_* family.

// IgnoredAsRemoved is DeploymentRecord.Ignored of a deployment that was removed.
const IgnoredAsRemoved = "storage.retention, which has removed it"

// ErrStaleDays reports that nothing may be removed before the days are made that the removal would take the deployments of.
var ErrStaleDays = errors.New("days must be made first")

// RemoveOld removes a batch of what is older than a time: facts, else deliveries, else origins that no deployment needs, else deployments
// and issues. Of these, it continues after the one that the previous batch returned. done is true if nothing is left. It returns
// ErrStaleDays if days must be made first.
func (r *Session) RemoveOld(before time.Time, after dora.AgedRecord, limit int) (removed dora.Removed, next dora.AgedRecord, done bool, err error) {
	if err := r.checkDays(before); err != nil {
		return removed, after, false, err
	}
	arrived, err := r.Removal().ArrivedBefore(before)
	if err != nil {
		return removed, after, false, err
	}
	if removed.Facts, err = r.Removal().RemoveFacts(arrived.Position, before, limit); err != nil || removed.Facts > 0 {
		return removed, after, false, err
	}
	if removed.Deliveries, err = r.Removal().RemoveDeliveries(arrived.Delivery, limit); err != nil || removed.Deliveries > 0 {
		return removed, after, false, err
	}
	if unshipped, err := r.Removal().RemoveUnshipped(arrived.Position, limit); err != nil || unshipped > 0 {
		return removed, after, false, err
	}
	aged, err := r.Removal().Aged(after, limit)
	if err != nil || len(aged) == 0 {
		return removed, after, true, err
	}
	for _, a := range aged {
		if a.Kind == dora.SubjectIncident {
			err = r.removeOldIncident(a.Key, arrived, before, &removed)
		} else {
			err = r.removeOldDeployment(a.Key, before, &removed)
		}
		if err != nil {
			return removed, after, false, err
		}
	}
	return removed, aged[len(aged)-1], false, nil
}

// checkDays returns ErrStaleDays if days before a time are stale: they can't be made without what is to be removed.
func (r *Session) checkDays(before time.Time) error {
	stale, err := r.Days().Stale()
	for _, since := range stale {
		if since.Before(before) {
			return ErrStaleDays
		}
	}
	return err
}

// removeOldDeployment removes a deployment if no rule needs it.
func (r *Session) removeOldDeployment(key string, before time.Time, removed *dora.Removed) error {
	t, known, err := r.History().Deployment(key)
	if err != nil || !known {
		return err
	}
	for _, isNeeded := range []func(dora.DeploymentRecord, time.Time) (bool, error){
		r.isRecent, r.isPending, r.isAmongNewestRuns, r.isAmongFailedChanges, r.isShownFailed,
	} {
		if needed, err := isNeeded(t, before); err != nil || needed {
			return err
		}
	}
	removed.Deployments++
	return r.Removal().RemoveDeployment(t, before)
}

// isRecent reports whether an event of a deployment is not older than a time.
func (r *Session) isRecent(t dora.DeploymentRecord, before time.Time) (bool, error) {
	recent := func(at time.Time) bool { return !at.Before(before) }
	return recent(t.CreatedAt) || recent(t.Started) || slices.ContainsFunc(t.Outcomes, func(o dora.Outcome) bool { return recent(o.At) }), nil
}

func (r *Session) isPending(t dora.DeploymentRecord, _ time.Time) (bool, error) {
	return r.Removal().IsEvaluationPending(t.Key())
}

// isAmongNewestRuns reports whether a deployment is the newest run of its scope before a time, or one that is asked for with a run
// after it: the first run of the commit of the newest, and of each commit that may be asked for again (see latestRun) the first and the
// latest run and the one that followed the latest (see Rollback).
func (r *Session) isAmongNewestRuns(t dora.DeploymentRecord, before time.Time) (bool, error) {
	if abandoned, err := r.isAbandoned(t, before); err != nil || abandoned {
		return false, err
	}
	boundary := dora.Moment{At: before}
	newest, _, err := r.History().Previous(t.Scope(), boundary)
	if err != nil || newest.Key() == t.Key() {
		return err == nil, err
	}
	firstOfNewest, _, err := r.History().FirstRun(t.Scope(), newest.SHA)
	if err != nil || firstOfNewest.Key() == t.Key() {
		return err == nil, err
	}
	runs, err := RunsOf(r.History(), t)
	if err != nil || len(runs) == 0 {
		return false, err
	}
	first, _, err := r.History().FirstRun(t.Scope(), t.SHA)
	if err != nil {
		return false, err
	}
	latest, again, err := r.latestRun(t.Scope(), t.SHA, boundary)
	if err != nil || again && (first.Key() == t.Key() || latest.Key() == t.Key()) {
		return err == nil, err
	}
	for _, run := range runs {
		previous, _, err := r.History().Previous(run.Scope(), run.Moment())
		if err != nil {
			return false, err
		}
		latest, again, err := r.latestRun(t.Scope(), previous.SHA, boundary)
		if err != nil || again && latest.Key() == previous.Key() && latest.At.Equal(previous.At) {
			return err == nil, err
		}
	}
	return false, nil
}

// latestRun returns the latest run of a commit in a scope before a moment if a rule may ask for it again: the commit has run again since,
// or it is that of a failed change that stays, since nothing has repaired it or what shows it stays.
func (r *Session) latestRun(scope, sha string, boundary dora.Moment) (latest dora.Run, again bool, err error) {
	newest, ran, err := r.History().LatestRun(scope, sha, dora.Moment{At: dora.FarFuture})
	if err != nil || !ran {
		return latest, false, err
	}
	if newest.Moment().Before(boundary) {
		unrepaired, err := r.unrepairedCommits(scope)
		stays := slices.Contains(unrepaired, sha)
		if err == nil && !stays {
			stays, err = r.isShownFailed(newest.DeploymentRecord, boundary.At)
		}
		if err != nil || !stays {
			return latest, false, err
		}
	}
	latest, _, err = r.History().LatestRun(scope, sha, boundary)
	return latest, true, err
}

// unrepairedCommits returns the commits of the failed changes of a scope that nothing has repaired.
func (r *Session) unrepairedCommits(scope string) ([]string, error) {
	if commits, known := r.unrepaired[scope]; known {
		return commits, nil
	}
	unrepaired, err := r.Evidence().Unrepaired(scope)
	if err != nil {
		return nil, err
	}
	commits := []string{}
	for _, f := range unrepaired {
		t, _, err := r.History().Deployment(f.Target)
		if err != nil {
			return nil, err
		}
		commits = append(commits, t.SHA)
	}
	r.unrepaired[scope] = commits
	return commits, nil
}

// isAmongFailedChanges reports whether a deployment is a failed change that nothing has repaired, or gives the evidence for one, or there
// is evidence with it on which nothing is decided.
func (r *Session) isAmongFailedChanges(t dora.DeploymentRecord, _ time.Time) (bool, error) {
	unrepaired, err := r.Evidence().Unrepaired(t.Scope())
	if err != nil {
		return false, err
	}
	evidence, err := r.Evidence().Undecided(t.Scope(), dora.FarFuture)
	if err != nil {
		return false, err
	}
	for _, f := range unrepaired {
		evidence = append(evidence, f.Evidence)
	}
	return slices.ContainsFunc(evidence, func(e dora.Evidence) bool {
		return e.Target == t.Key() || e.Cause.Rework() && dora.DeploymentOf(e.By) == t.Key()
	}), nil
}

// isShownFailed reports whether something that is stored gives evidence against a deployment. It would give evidence against another
// one if it were evaluated again without this one.
func (r *Session) isShownFailed(t dora.DeploymentRecord, _ time.Time) (bool, error) {
	evidence, err := r.Removal().EvidenceAgainst(t)
	if err != nil {
		return false, err
	}
	for _, e := range evidence {
		var known bool
		if e.Cause.Rework() {
			by := dora.DeploymentOf(e.By)
			if by == t.Key() {
				continue
			}
			_, known, err = r.History().Deployment(by)
		} else {
			var i dora.Incident
			i, err = r.Incidents().Get(e.By)
			known = i.Key != ""
		}
		if err != nil || known {
			return known, err
		}
	}
	return false, nil
}

// removeOldIncident removes an issue that is old, that is not open, and that no rule needs.
func (r *Session) removeOldIncident(key string, arrived dora.Arrival, before time.Time, removed *dora.Removed) error {
	i, err := r.Incidents().Get(key)
	if err != nil || i.Key == "" || len(i.Open) > 0 {
		return err
	}
	isRecent := func(e dora.IncidentEvent) bool { return e.Arrival > arrived.Delivery || !e.At.Before(before) }
	if slices.ContainsFunc(i.Events, isRecent) {
		return nil
	}
	if pending, err := r.Removal().IsEvaluationPending(key); err != nil || pending {
		return err
	}
	if unrepaired, err := r.Removal().IsUnrepairedBy(key); err != nil || unrepaired {
		return err
	}
	removed.Incidents++
	return r.Removal().RemoveIncident(i, before, i.IsCounted() || i.Counted != nil || i.OpenFacts > 0)
}

// isDeploymentRemoved reports whether a deployment was removed, and logs that an event about it has arrived.
func (r *Session) isDeploymentRemoved(d dora.Deployment) (bool, error) {
	removed, err := r.Removal().IsRemoved(dora.SubjectDeployment, d.Key())
	if err != nil || !removed {
		return false, err
	}
	r.logAfterCommit = append(r.logAfterCommit, func(ctx context.Context, l *slog.Logger) {
		l.WarnContext(ctx, "event of a deployment that storage.retention has removed: it counts in github_* only", "environment", dora.LabelValue(d.Environment),
			"repository", dora.LabelValue(d.Repository), "deployment", d.ID)
	})
	return true, nil
}

// isIncidentRemoved reports whether an incident was removed, and logs that an event of it has arrived.
func (r *Session) isIncidentRemoved(c dora.IncidentChange) (bool, error) {
	removed, err := r.Removal().IsRemoved(dora.SubjectIncident, c.IssueKey())
	if err != nil || !removed {
		return false, err
	}
	r.logAfterCommit = append(r.logAfterCommit, func(ctx context.Context, l *slog.Logger) {
		l.WarnContext(ctx, "event of an incident that storage.retention has removed: it counts nowhere", "key", dora.LabelValue(c.Key))
	})
	return true, nil
}
