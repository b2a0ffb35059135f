package rules

import (
	"strconv"
	"time"

	"dora-exporter/dora"
)

// measuresAtZero starts the series of a repository and environment at 0.
func (r *Session) measuresAtZero(d dora.Deployment, team string, at time.Time) error {
	labels, production := dora.ScopeLabels(d, team), r.policy.IsProduction(d)
	key := labels.Key() + strconv.FormatBool(production)
	if r.started(key) {
		return nil
	}
	for _, family := range []string{dora.DeploymentRun, dora.Changes, dora.LeadTime} {
		if err := r.zero(family, labels, at); err != nil {
			return err
		}
	}
	for _, of := range []string{dora.Success, dora.Failure} {
		if err := r.zero(dora.Deployments, labels.With("outcome", of), at); err != nil {
			return err
		}
	}
	if production {
		if err := r.productionAtZero(labels, at); err != nil {
			return err
		}
	}
	r.begun = append(r.begun, key)
	return nil
}

// productionAtZero starts those of failed changes, which there are in production alone, and those of the stages of lead times,
// which are too many for environments that come and go.
func (r *Session) productionAtZero(labels dora.Labels, at time.Time) error {
	if err := r.zero(dora.Recovery, labels, at); err != nil {
		return err
	}
	for _, c := range r.policy.EnabledCauses() {
		if err := r.zero(dora.ChangeFailures, labels.With("cause", string(c)), at); err != nil {
			return err
		}
		if !c.Rework() {
			continue
		}
		if err := r.zero(dora.ReworkDeployments, labels.With("cause", string(c)), at); err != nil {
			return err
		}
	}
	for _, stage := range stages {
		if err := r.zero(dora.LeadTimeStage, labels.With("stage", stage), at); err != nil {
			return err
		}
	}
	return nil
}

// zero makes one series at 0, unless there is no room.
func (r *Session) zero(family string, labels dora.Labels, at time.Time) error {
	subject := dora.Subject(dora.SubjectZero, labels.Key())
	known, err := r.Facts().Has(family, subject)
	if err != nil || known {
		return err
	}
	if ok, err := r.admit(r.families[family], labels, r.maxSeries/10*9); err != nil || !ok {
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
	if f.Labels, err = r.place(r.families[f.Family], f.Labels); err != nil {
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
