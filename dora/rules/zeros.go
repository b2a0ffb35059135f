package rules

import (
	"strconv"
	"time"

	"dora-exporter/dora"
)

// Series start at 0 before they count: PromQL's increase and rate miss the increment of a series that first appears at 1. The
// zeros are facts, so that they outlive a restart. Past nine tenths of the limit on series, no more are started.

// KnownStates are the states that every environment has sooner or later. Their series of github_deployments_total and
// github_deployments_duration_sum start at 0.
var KnownStates = [...]string{"success", "failure", "error"}

// startDeploymentSeries starts the series of the repository and environment of a deployment at 0, of which t is remembered: those of
// github_* as the event spells them, those of dora_* if they count it.
func (r *Session) startDeploymentSeries(d dora.Deployment, t dora.DeploymentRecord, team string, at time.Time) error {
	if t.Ignored == "" && !r.policy.MayBeIgnored(d) {
		counted := d
		counted.Environment = t.Environment
		if err := r.startScopeSeries(counted, team, at); err != nil {
			return err
		}
	}
	key := "states of " + dora.DeploymentLabels(d, "", team).Key()
	if r.isStarted(key) {
		return nil
	}
	for _, state := range KnownStates {
		for _, labels := range r.startedLabels(d, state, team) {
			if err := r.startNewLabelSet(labels, at, dora.DeploymentsTotal, dora.DeploymentsDurationSum); err != nil {
				return err
			}
		}
	}
	r.newlyStarted = append(r.newlyStarted, key)
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
	for _, s := range ScopeSeries(r.policy, labels, production) {
		if err := r.startAtZero(s.Family, s.Labels, at); err != nil {
			return err
		}
	}
	r.newlyStarted = append(r.newlyStarted, key)
	return nil
}

// StartedSeries is a series that starts at 0.
type StartedSeries struct {
	Family string
	Labels dora.Labels
}

// ScopeSeries returns the dora_* series of a repository and environment that start at 0. Only production has failed changes, and the
// stages of lead times, which would be too many for environments that come and go.
func ScopeSeries(p dora.Policy, labels dora.Labels, production bool) (all []StartedSeries) {
	for _, family := range []string{dora.DeploymentRun, dora.Changes, dora.LeadTime} {
		all = append(all, StartedSeries{family, labels})
	}
	for _, outcome := range []string{dora.Success, dora.Failure} {
		all = append(all, StartedSeries{dora.Deployments, labels.With("outcome", outcome)})
	}
	if !production {
		return all
	}
	all = append(all, StartedSeries{dora.Recovery, labels})
	for _, c := range p.EnabledCauses() {
		all = append(all, StartedSeries{dora.ChangeFailures, labels.With("cause", string(c))})
		if c.Rework() {
			all = append(all, StartedSeries{dora.ReworkDeployments, labels.With("cause", string(c))})
		}
	}
	for _, stage := range stages {
		all = append(all, StartedSeries{dora.LeadTimeStage, labels.With("stage", stage)})
	}
	return all
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
