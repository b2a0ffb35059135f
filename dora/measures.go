package dora

import (
	"strconv"
	"time"
)

// scopeLabels are those of the dora_* families about a repository and environment.
func scopeLabels(d Deployment, team string) Labels {
	return Labels{
		"environment": labelValue(d.Environment), "owner": labelValue(d.Owner), "repo": labelValue(d.Repository), "team": labelValue(team),
	}
}

// measuresAtZero starts the series of a repository and environment at 0.
func (r *rules) measuresAtZero(d Deployment, team string, at time.Time) error {
	labels, production := scopeLabels(d, team), r.policy.production(d)
	key := labels.Key() + strconv.FormatBool(production)
	if r.started(key) {
		return nil
	}
	for _, family := range []string{DeploymentRun, Changes, LeadTime} {
		if err := r.zero(family, labels, at); err != nil {
			return err
		}
	}
	for _, of := range []string{Success, Failure} {
		if err := r.zero(Deployments, labels.With("outcome", of), at); err != nil {
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
func (r *rules) productionAtZero(labels Labels, at time.Time) error {
	if err := r.zero(Recovery, labels, at); err != nil {
		return err
	}
	for _, c := range r.policy.enabled() {
		if err := r.zero(ChangeFailures, labels.With("cause", string(c)), at); err != nil {
			return err
		}
		if !c.rework() {
			continue
		}
		if err := r.zero(ReworkDeployments, labels.With("cause", string(c)), at); err != nil {
			return err
		}
	}
	for _, stage := range stages {
		if err := r.zero(LeadTimeStage, labels.With("stage", stage), at); err != nil {
			return err
		}
	}
	return nil
}

// zero makes one series at 0, unless there is no room.
func (r *rules) zero(family string, labels Labels, at time.Time) error {
	subject := Subject(SubjectZero, labels.Key())
	known, err := r.HasFact(family, subject)
	if err != nil || known {
		return err
	}
	if ok, err := r.admit(r.families[family], labels, r.maxSeries/10*9); err != nil || !ok {
		return err
	}
	_, err = r.AddFact(Fact{Family: family, Labels: labels, At: at, Subject: subject})
	return err
}

// add adds a fact of a dora_* family under the labels that have a place.
func (r *rules) add(f Fact) (added bool, err error) {
	if known, err := r.HasFact(f.Family, f.Subject); err != nil || known {
		return false, err
	}
	if f.Labels, err = r.place(r.families[f.Family], f.Labels); err != nil {
		return false, err
	}
	return r.AddFact(f)
}

// observe adds an observation to a histogram, unless the span is negative: such a one is never recorded.
func (r *rules) observe(family string, labels Labels, from, to time.Time, id int64, subject string) error {
	ms := to.UnixMilli() - from.UnixMilli()
	if ms < 0 {
		return nil
	}
	_, err := r.add(Fact{Family: family, Labels: labels, Value: ms, At: to, ID: id, Subject: subject})
	return err
}
