package dora

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// DeploymentRecord is the state of a deployment that the rules store: its identity, team and outcomes.
type DeploymentRecord struct {
	Deployment
	Team string `json:"team"`
	// InProduction is set when its environment is one of production.
	InProduction bool `json:"in_production,omitempty"`
	// Started is when the deployment began to run, by its first status in_progress; zero without one.
	Started time.Time `json:"started,omitzero"`
	// Outcomes are the statuses of success, failure and error, in the order of their own times.
	Outcomes []Outcome `json:"outcomes"`
	// Shipment is what it ships; nil before that is known.
	Shipment *Shipment `json:"shipment,omitempty"`
	// Late is set when its success arrived after a later deployment had been settled.
	Late bool `json:"late,omitempty"`
}

// Outcome is a status that says how a deployment ended.
type Outcome struct {
	ID    int64     `json:"id"`
	State string    `json:"state"`
	At    time.Time `json:"at"`
	// Late is set when it arrived after a later deployment had been settled.
	Late bool `json:"late,omitempty"`
}

// Key is unique over all deployments: host/id.
func (d Deployment) Key() string { return fmt.Sprintf("%s/%d", d.Host, d.ID) }

// RepositoryName is owner/name, each part escaped, in lower case: as GitHub compares them.
func (d Deployment) RepositoryName() string { return RepositoryName(d.Owner, d.Repository) }

// RepositoryName returns the escaped name of a repository in lower case, owner/name.
func RepositoryName(owner, name string) string {
	return strings.ToLower(url.PathEscape(owner) + "/" + url.PathEscape(name))
}

// Scope is the repository and environment, whose deployments follow one another: host/owner/name/environment.
func (d Deployment) Scope() string {
	return strings.ToLower(url.PathEscape(d.Host)) + "/" + d.RepositoryName() + "/" + d.Environment
}

// RepositoryOf is the RepositoryName in a scope; empty when it has none.
func RepositoryOf(scope string) string {
	parts := strings.SplitN(scope, "/", 4)
	if len(parts) < 4 {
		return ""
	}
	return parts[1] + "/" + parts[2]
}

// InProgress is the state of a status that says that a deployment runs.
const InProgress = "in_progress"

// Outcomes of a deployment: the values of the label outcome.
const (
	Success = "success"
	Failure = "failure"
)

// OutcomeOf is the one that a status's state stands for; empty for those that are none. An inactive deployment was replaced.
func OutcomeOf(state string) string {
	switch state {
	case "success":
		return Success
	case "failure", "error":
		return Failure
	}
	return ""
}

// mostOutcomes bounds what is remembered of one deployment, which GitHub gives a handful of statuses.
const maxOutcomes = 100

// AddOutcome remembers an outcome, in its place. Only the earliest ones are needed.
func (t *DeploymentRecord) AddOutcome(o Outcome) {
	at, known := slices.BinarySearchFunc(t.Outcomes, o, Outcome.compare)
	if !known {
		t.Outcomes = slices.Insert(t.Outcomes, at, o)
	}
	t.Outcomes = t.Outcomes[:min(len(t.Outcomes), maxOutcomes)]
}

func (o Outcome) compare(p Outcome) int {
	return cmp.Or(o.At.Compare(p.At), cmp.Compare(o.ID, p.ID))
}

// First is the earliest status of an outcome; false when there is none.
func (t DeploymentRecord) First(of string) (Outcome, bool) {
	for _, o := range t.Outcomes {
		if OutcomeOf(o.State) == of {
			return o, true
		}
	}
	return Outcome{}, false
}

// Succeeded is when the deployment was done, by its first status of success; zero when it was not.
func (t DeploymentRecord) Succeeded() time.Time {
	o, _ := t.First(Success)
	return o.At
}

// Labels returns the labels of its series of the dora_* families, without those that only some families have.
func (t DeploymentRecord) Labels() Labels { return ScopeLabels(t.Deployment, t.Team) }

// Changes are what the deployment ships, as far as that is known.
func (t DeploymentRecord) Changes() []Change {
	if t.Shipment == nil {
		return nil
	}
	return t.Shipment.Changes
}

// FailedAfter is the first status of failure or error after the success; false when there is none.
func (t DeploymentRecord) FailedAfter() (Outcome, bool) {
	success, ok := t.First(Success)
	for _, o := range t.Outcomes {
		if ok && OutcomeOf(o.State) == Failure && o.compare(success) > 0 {
			return o, true
		}
	}
	return Outcome{}, false
}

// Moment is the deployment's place among those of its scope: by the time of its success, then by its id.
func (t DeploymentRecord) Moment() Moment { return Moment{t.Succeeded(), t.ID} }

// Moment orders the deployments of a scope.
type Moment struct {
	At time.Time
	ID int64
}

// Before says whether m comes before other.
func (m Moment) Before(other Moment) bool { return m.Compare(other) < 0 }

// Compare orders moments by time, then by id.
func (m Moment) Compare(other Moment) int {
	return cmp.Or(m.At.Compare(other.At), cmp.Compare(m.ID, other.ID))
}
