package dora

import (
	"fmt"
	"time"
)

// knownStates are the states that every environment has sooner or later; their series start at 0, so that PromQL's increase
// sees the first one.
var knownStates = [...]string{"success", "failure", "error"}

// deploymentFacts makes the series of a repository and environment known, at 0.
func deploymentFacts(tx Tx, d Deployment, team string, at time.Time) error {
	for _, state := range knownStates {
		labels := deploymentLabels(d, state, team)
		for _, family := range []string{DeploymentsTotal, DeploymentsDurationSum} {
			if err := addZero(tx, family, labels, at); err != nil {
				return err
			}
		}
	}
	return nil
}

func addZero(tx Tx, family string, labels Labels, at time.Time) error {
	_, err := tx.AddFact(Fact{Family: family, Labels: labels, At: at, Subject: "zero:" + labels.Key()})
	return err
}

// statusFacts counts a status and adds its duration, or makes it wait for the look-up of its commit.
func statusFacts(tx Tx, s Status, team string, now time.Time) error {
	if err := deploymentFacts(tx, s.Deployment, team, s.CreatedAt); err != nil {
		return err
	}
	commit := s.Deployment.Commit()
	w := Waiting{
		Commit:  commit.Key(),
		Subject: fmt.Sprintf("deployment_status:%s/%d", s.Deployment.Host, s.ID),
		Labels:  deploymentLabels(s.Deployment, s.State, team),
		At:      s.CreatedAt,
		ID:      s.ID,
	}
	added, err := tx.AddFact(Fact{Family: DeploymentsTotal, Labels: w.Labels, Value: 1, At: w.At, ID: w.ID, Subject: w.Subject})
	if err != nil || !added {
		return err
	}
	if commit.SHA == "" {
		return durationFacts(tx, w, Origin{Unavailable: ReasonNoCommit})
	}
	origin, known, err := tx.Origin(w.Commit)
	if err != nil {
		return err
	}
	if known {
		return durationFacts(tx, w, origin)
	}
	if err := tx.Wait(w); err != nil {
		return err
	}
	return tx.AddJob(Job{Commit: commit, Due: now})
}

// durationFacts adds the duration of a counted status: from the first commit to the status, in whole milliseconds. One
// that can't be had is never made up; it is counted with the reason.
func durationFacts(tx Tx, w Waiting, o Origin) error {
	duration, reason := o.until(w.At)
	fact := Fact{Labels: w.Labels, Value: duration, At: w.At, ID: w.ID, Subject: w.Subject}
	if reason != "" {
		fact.Family, fact.Labels, fact.Value = DeploymentsDurationUnavailable, w.Labels.With("reason", reason), 1
		_, err := tx.AddFact(fact)
		return err
	}
	for _, family := range []string{DeploymentsDurationSum, DeploymentsDuration} {
		fact.Family = family
		if _, err := tx.AddFact(fact); err != nil {
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
