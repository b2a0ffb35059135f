package rules

import (
	"strconv"
	"time"

	"dora-exporter/dora"
)

// startSeries starts the series of a repository and environment at 0.
func (r *Session) startSeries(d dora.Deployment, team string, at time.Time) error {
	labels, production := dora.ScopeLabels(d, team), r.policy.IsProduction(d)
	key := labels.Key() + strconv.FormatBool(production)
	if r.started(key) {
		return nil
	}
	for _, family := range []string{dora.DeploymentRun, dora.Changes, dora.LeadTime} {
		if err := r.startAtZero(family, labels, at); err != nil {
			return err
		}
	}
	for _, of := range []string{dora.Success, dora.Failure} {
		if err := r.startAtZero(dora.Deployments, labels.With("outcome", of), at); err != nil {
			return err
		}
	}
	if production {
		if err := r.startProductionSeries(labels, at); err != nil {
			return err
		}
	}
	r.begun = append(r.begun, key)
	return nil
}

// startProductionSeries starts those of failed changes, which there are in production alone, and those of the stages of lead times,
// which are too many for environments that come and go.
func (r *Session) startProductionSeries(labels dora.Labels, at time.Time) error {
	if err := r.startAtZero(dora.Recovery, labels, at); err != nil {
		return err
	}
	for _, c := range r.policy.EnabledCauses() {
		if err := r.startAtZero(dora.ChangeFailures, labels.With("cause", string(c)), at); err != nil {
			return err
		}
		if !c.Rework() {
			continue
		}
		if err := r.startAtZero(dora.ReworkDeployments, labels.With("cause", string(c)), at); err != nil {
			return err
		}
	}
	for _, stage := range stages {
		if err := r.startAtZero(dora.LeadTimeStage, labels.With("stage", stage), at); err != nil {
			return err
		}
	}
	return nil
}

// startAtZero makes one series at 0, unless there is no room.
func (r *Session) startAtZero(family string, labels dora.Labels, at time.Time) error {
	subject := dora.ZeroSubject(labels)
	known, err := r.Facts().Has(family, subject)
	if err != nil || known {
		return err
	}
	if ok, err := r.reserveLabelSet(r.families[family], labels, r.maxSeries/10*9); err != nil || !ok {
		return err
	}
	_, err = r.Facts().Add(dora.Fact{Family: family, Labels: labels, At: at, Subject: subject})
	return err
}

// add adds a fact of a dora_* family under the labels that have a place.
func (r *Session) add(f dora.Fact) (added bool, err error) {
	if known, err := r.Facts().Has(f.Family, f.Subject); err != nil || known {
		return false, err
	}
	if f.Labels, err = r.limitLabels(r.families[f.Family], f.Labels); err != nil {
		return false, err
	}
	return r.Facts().Add(f)
}

// observe adds an observation to a histogram, unless the span is negative: such a one is never recorded.
func (r *Session) observe(family string, labels dora.Labels, from, to time.Time, id int64, subject string) error {
	ms := to.UnixMilli() - from.UnixMilli()
	if ms < 0 {
		return nil
	}
	_, err := r.add(dora.Fact{Family: family, Labels: labels, Value: ms, At: to, ID: id, Subject: subject})
	return err
}
