package rules

import (
	"strconv"
	"time"

	"dora-exporter/dora"
)

// Series start at 0 before they count: PromQL's increase and rate miss the increment of a series that first appears at 1. The
// zeros are facts, so that they outlive a restart. Past nine tenths of the limit on series, no more are started.

// knownStates are the states that every environment has sooner or later.
var knownStates = [...]string{"success", "failure", "error"}

// startDeploymentSeries starts the series of a deployment's repository and environment at 0.
func (r *Session) startDeploymentSeries(d dora.Deployment, team string, at time.Time) error {
	if err := r.startScopeSeries(d, team, at); err != nil {
		return err
	}
	for _, state := range knownStates {
		for _, labels := range r.startedLabels(d, state, team) {
			if err := r.startNewLabelSet(labels, at, dora.DeploymentsTotal, dora.DeploymentsDurationSum); err != nil {
				return err
			}
		}
	}
	return nil
}

// startNewLabelSet starts the series of several families with the same label set at 0, unless the label set is known: then it has
// its series at 0, or has counted already.
func (r *Session) startNewLabelSet(labels dora.Labels, at time.Time, families ...string) error {
	known, err := r.Facts().HasLabelSet(r.families[families[0]].Group(), labels.Key())
	if err != nil || known {
		return err
	}
	for _, family := range families {
		if err := r.startAtZero(family, labels, at); err != nil {
			return err
		}
	}
	return nil
}

// startScopeSeries starts the dora_* series of a deployment's repository and environment.
func (r *Session) startScopeSeries(d dora.Deployment, team string, at time.Time) error {
	labels, production := dora.ScopeLabels(d, team), r.policy.IsProduction(d)
	key := labels.Key() + strconv.FormatBool(production)
	if r.isStarted(key) {
		return nil
	}
	for _, family := range []string{dora.DeploymentRun, dora.Changes, dora.LeadTime} {
		if err := r.startAtZero(family, labels, at); err != nil {
			return err
		}
	}
	for _, outcome := range []string{dora.Success, dora.Failure} {
		if err := r.startAtZero(dora.Deployments, labels.With("outcome", outcome), at); err != nil {
			return err
		}
	}
	if production {
		if err := r.startProductionSeries(labels, at); err != nil {
			return err
		}
	}
	r.newlyStarted = append(r.newlyStarted, key)
	return nil
}

// startProductionSeries starts the series of failed changes, which only production has, and of the stages of lead times, which
// would be too many for environments that come and go.
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

// startAtZero starts one series at 0 unless that would exceed nine tenths of the limit.
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
