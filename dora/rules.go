package dora

import (
	"fmt"
	"time"
)

// rules turn events into facts in one transaction.
type rules struct {
	Tx
	maxSeries int
	families  map[string]Family
	// folded counts the events that were counted under other, by group of families.
	folded map[string]int
}

// knownStates are the states that every environment has sooner or later; their series start at 0, so that PromQL's increase
// sees the first one.
var knownStates = [...]string{"success", "failure", "error"}

// deployment makes the series of a repository and environment known, at 0, while there is plenty of room for series.
func (r *rules) deployment(d Deployment, team string, at time.Time) error {
	for _, state := range knownStates {
		labels := deploymentLabels(d, state, team)
		if err := r.zeros(labels, at, DeploymentsTotal, DeploymentsDurationSum); err != nil {
			return err
		}
	}
	return nil
}

// zeros makes new series with a label set that is not known yet, in families that have the same labels. A label set that
// is known has its series at 0, or has counted already.
func (r *rules) zeros(labels Labels, at time.Time, families ...string) error {
	f := r.families[families[0]]
	known, err := r.LabelSet(f.group(), labels.Key())
	if err != nil || known {
		return err
	}
	if ok, err := r.admit(f, labels, r.maxSeries/10*9); err != nil || !ok {
		return err
	}
	for _, family := range families {
		if _, err := r.AddFact(Fact{Family: family, Labels: labels, At: at, Subject: "zero:" + labels.Key()}); err != nil {
			return err
		}
	}
	return nil
}

// status counts a status and adds its duration, or makes it wait for the look-up of its commit.
func (r *rules) status(s Status, team string, now time.Time) error {
	if err := r.deployment(s.Deployment, team, s.CreatedAt); err != nil {
		return err
	}
	labels, err := r.place(r.families[DeploymentsTotal], deploymentLabels(s.Deployment, s.State, team))
	if err != nil {
		return err
	}
	commit := s.Deployment.Commit()
	w := Waiting{
		Commit:  commit.Key(),
		Subject: fmt.Sprintf("deployment_status:%s/%d", s.Deployment.Host, s.ID),
		Labels:  labels,
		At:      s.CreatedAt,
		ID:      s.ID,
	}
	added, err := r.AddFact(Fact{Family: DeploymentsTotal, Labels: w.Labels, Value: 1, At: w.At, ID: w.ID, Subject: w.Subject})
	if err != nil || !added {
		return err
	}
	if commit.SHA == "" {
		return r.duration(w, Origin{Unavailable: ReasonNoCommit})
	}
	origin, known, err := r.Origin(w.Commit)
	if err != nil {
		return err
	}
	if known {
		return r.duration(w, origin)
	}
	if err := r.Wait(w); err != nil {
		return err
	}
	return r.AddJob(Job{Commit: commit, Due: now})
}

// duration adds the duration of a counted status: from the first commit to the status, in whole milliseconds. One
// that can't be had is never made up; it is counted with the reason.
func (r *rules) duration(w Waiting, o Origin) error {
	duration, reason := o.until(w.At)
	fact := Fact{Labels: w.Labels, Value: duration, At: w.At, ID: w.ID, Subject: w.Subject}
	if reason != "" {
		fact.Family, fact.Value = DeploymentsDurationUnavailable, 1
		var err error
		if fact.Labels, err = r.place(r.families[fact.Family], w.Labels.With("reason", reason)); err != nil {
			return err
		}
		_, err = r.AddFact(fact)
		return err
	}
	for _, family := range []string{DeploymentsDurationSum, DeploymentsDuration} {
		fact.Family = family
		if _, err := r.AddFact(fact); err != nil {
			return err
		}
	}
	return nil
}

// until returns the milliseconds from the origin to a time, or the reason why there are none. It doesn't use
// time.Duration, which ends at 292 years (9.22e9 seconds).
func (o Origin) until(at time.Time) (ms int64, reason string) {
	if o.Unavailable != "" {
		return 0, o.Unavailable
	}
	if o.FirstCommit.IsZero() {
		return 0, ReasonNoDate
	}
	ms = at.UnixMilli() - o.FirstCommit.UnixMilli()
	if ms < 0 {
		return 0, ReasonBeforeCommit
	}
	return ms, ""
}
