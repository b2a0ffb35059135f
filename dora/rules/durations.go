package rules

import "dora-exporter/dora"

// AddDurations remembers the origin of a commit, adds the durations of the statuses that wait for it, and returns these statuses. An
// answer that was given up is not remembered: GitHub may give it to a later status.
func (r *Session) AddDurations(c dora.Commit, o dora.Origin) ([]dora.WaitingStatus, error) {
	if o.Unavailable != dora.ReasonNoAnswer {
		if err := r.Commits().SaveOrigin(c.Key(), o); err != nil {
			return nil, err
		}
	}
	waiting, err := r.Commits().TakeWaiting(c.Key())
	if err != nil {
		return nil, err
	}
	for _, w := range waiting {
		if err := r.addDuration(w, o); err != nil {
			return nil, err
		}
	}
	return waiting, nil
}

// addDuration adds the duration of a counted status: from the first commit to the status, in whole milliseconds. A duration that
// can't be determined is counted with the reason instead.
func (r *Session) addDuration(w dora.WaitingStatus, o dora.Origin) error {
	duration, reason := o.Until(w.At)
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
