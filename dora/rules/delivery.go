package rules

import (
	"errors"
	"time"

	"dora-exporter/dora"
)

// Process applies the rules to the event of a delivery and marks the delivery as processed.
func (r *Session) Process(d dora.Delivery, team string) error {
	var err error
	switch e := d.Event; {
	case d.Unreadable != nil:
		err = d.Unreadable
	case e.Status != nil:
		err = r.addStatus(*e.Status, team, r.happenedBefore(e, e.Status.CreatedAt))
	case e.Deployment != nil:
		err = r.addDeployment(*e.Deployment, team, r.happenedBefore(e, e.Deployment.CreatedAt))
	case e.Incident != nil:
		err = r.addIncidentEvent(d, team)
	default:
		err = errors.New("this version does not know events of this kind")
	}
	if err != nil {
		return err
	}
	return r.Deliveries().Done(d.ID)
}

// happenedBefore reports whether what an event of a time tells counts in History: a backfill brought it, and it happened before the store
// was created.
func (r *Session) happenedBefore(e dora.Event, at time.Time) bool {
	return e.Backfilled && at.Before(r.storeCreated)
}

// addDeployment starts the series of a deployment at 0.
func (r *Session) addDeployment(d dora.Deployment, team string, inHistory bool) error {
	t, err := r.record(d, team, d.CreatedAt)
	if err != nil || inHistory {
		return err
	}
	return r.startDeploymentSeries(d, t, team, d.CreatedAt)
}

// addStatus counts a status. Its duration follows at once if the origin of its commit is known, otherwise after the look-up.
func (r *Session) addStatus(s dora.Status, team string, inHistory bool) error {
	t, err := r.record(s.Deployment, team, s.CreatedAt)
	if err != nil {
		return err
	}
	if known, err := r.isKnownStatus(t, s); err != nil || known {
		return err
	}
	if !inHistory {
		if err := r.startDeploymentSeries(s.Deployment, t, team, s.CreatedAt); err != nil {
			return err
		}
	}
	labels, err := r.statusLabels(t, s, team, inHistory)
	if err != nil {
		return err
	}
	if t.Ignored == "" {
		if err := r.addOutcome(t, s, team, inHistory); err != nil {
			return err
		}
	}
	commit := s.Deployment.Commit()
	waiting := dora.WaitingStatus{
		Commit: commit.Key(), Subject: dora.StatusSubject(s.Deployment.Host, s.ID), Labels: labels, At: s.CreatedAt, ID: s.ID,
	}
	added, err := r.Facts().Add(dora.Fact{
		Family: dora.DeploymentsTotal, Labels: labels, Value: 1, At: waiting.At, ID: waiting.ID, Subject: waiting.Subject,
	})
	if err != nil || !added {
		return err
	}
	if commit.SHA == "" {
		return r.addDuration(commit, waiting, dora.Origin{Unavailable: dora.ReasonNoCommit})
	}
	origin, known, err := r.Commits().Origin(waiting.Commit)
	if err != nil {
		return err
	}
	if known {
		return r.addDuration(commit, waiting, origin)
	}
	if err := r.Commits().Wait(waiting); err != nil {
		return err
	}
	return r.Commits().AddLookup(dora.Lookup{Commit: commit, Repository: t.Identity, Due: r.now})
}
