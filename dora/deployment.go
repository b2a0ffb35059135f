package dora

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// DeploymentRecord is a deployment as the rules remember it: its team, and the statuses that say how it ended.
type DeploymentRecord struct {
	Deployment
	Team string `json:"team"`
	// Identity is the key of its repository (Repository.Key).
	Identity string `json:"identity,omitempty"`
	// Ignored is the rule of deployments.ignore by which it counts in no dora_* family; it has no outcomes then.
	Ignored string `json:"ignored,omitempty"`
	// InProduction is true if its environment is a production environment.
	InProduction bool `json:"in_production,omitempty"`
	// Started is when the deployment began to run, by its first status in_progress; zero if there is none.
	Started time.Time `json:"started,omitzero"`
	// Outcomes are the statuses of success, failure and error in the order of their own times.
	Outcomes []Outcome `json:"outcomes"`
	// History has the outcomes that count in History, each decided by the first of its statuses to arrive.
	History []string `json:"history,omitempty"`
	// Shipment is what it ships; nil before its evaluation.
	Shipment *Shipment `json:"shipment,omitempty"`
	// Late is true if its success arrived after a later deployment had been evaluated.
	Late bool `json:"late,omitempty"`
}

// Outcome is a status that says how a deployment ended.
type Outcome struct {
	ID    int64     `json:"id"`
	State string    `json:"state"`
	At    time.Time `json:"at"`
	// Late is true if it arrived after a later deployment had been evaluated.
	Late bool `json:"late,omitempty"`
	// InHistory is true if it counts in History.
	InHistory bool `json:"in_history,omitempty"`
	// Called is how the status called the repository; zero if as the deployment's record does.
	Called Called `json:"called,omitzero"`
}

// Called is the name of a repository in an event, with the team that owns it under that name.
type Called struct {
	Owner      string `json:"owner"`
	Repository string `json:"repository"`
	Team       string `json:"team"`
}

// InProgress is the state of a status that says that a deployment runs.
const InProgress = "in_progress"

// Outcomes of a deployment: the values of the label outcome.
const (
	Success = "success"
	Failure = "failure"
)

// OutcomeOf returns the outcome that a status's state stands for; empty if the state is not an outcome. inactive is none: the deployment
// was replaced.
func OutcomeOf(state string) string {
	switch state {
	case "success":
		return Success
	case "failure", "error":
		return Failure
	}
	return ""
}

// maxOutcomes bounds what is remembered of one deployment; GitHub gives it a handful of statuses.
const maxOutcomes = 100

// AddOutcome inserts an outcome in the order of times, and drops the latest ones above maxOutcomes.
func (t *DeploymentRecord) AddOutcome(o Outcome) {
	at, known := slices.BinarySearchFunc(t.Outcomes, o, Outcome.compare)
	if !known {
		t.Outcomes = slices.Insert(t.Outcomes, at, o)
	}
	t.Outcomes = t.Outcomes[:min(len(t.Outcomes), maxOutcomes)]
}

// Rename changes the name and team under which the deployment is remembered. Those of its statuses stay as they are.
func (t *DeploymentRecord) Rename(name Called) {
	t.Outcomes = slices.Clone(t.Outcomes)
	for i := range t.Outcomes {
		o := &t.Outcomes[i]
		if o.Called = t.calledBy(*o); o.Called == name {
			o.Called = Called{}
		}
	}
	t.Owner, t.Repository, t.Team = name.Owner, name.Repository, name.Team
}

// calledBy returns how a status called the repository.
func (t DeploymentRecord) calledBy(o Outcome) Called {
	return cmp.Or(o.Called, Called{t.Owner, t.Repository, t.Team})
}

func (o Outcome) compare(p Outcome) int {
	return cmp.Or(o.At.Compare(p.At), cmp.Compare(o.ID, p.ID))
}

// First returns the earliest status with an outcome; false if there is none.
func (t DeploymentRecord) First(outcome string) (Outcome, bool) {
	for _, o := range t.Outcomes {
		if OutcomeOf(o.State) == outcome {
			return o, true
		}
	}
	return Outcome{}, false
}

// SuccessAfter returns the first status of success after another status of the deployment; false if there is none.
func (t DeploymentRecord) SuccessAfter(status Outcome) (Outcome, bool) {
	for _, o := range t.Outcomes {
		if OutcomeOf(o.State) == Success && o.compare(status) > 0 {
			return o, true
		}
	}
	return Outcome{}, false
}

// Succeeded returns the time of the first status of success; zero if there is none.
func (t DeploymentRecord) Succeeded() time.Time {
	o, _ := t.First(Success)
	return o.At
}

// When returns the time under which the deployment is found: of its first success, else of its first outcome, else when it began to
// run, else when it was created.
func (t DeploymentRecord) When() time.Time {
	if first, ok := t.First(Success); ok {
		return first.At
	}
	if len(t.Outcomes) > 0 {
		return t.Outcomes[0].At
	}
	return cmp.Or(t.Started, t.CreatedAt)
}

// Scope returns the scope in which the deployment follows others.
func (t DeploymentRecord) Scope() string { return ScopeOf(t.RepositoryKey(), t.Environment, t.Task) }

// RepositoryKey returns the key of its repository.
func (t DeploymentRecord) RepositoryKey() string {
	return cmp.Or(t.Identity, RepositoryKey(t.Host, t.RepositoryName(), 0))
}

// Labels returns the labels that all dora_* families about its success have, and about what follows from it. If the success counts in
// History, so does all of that.
func (t DeploymentRecord) Labels() Labels { return t.OutcomeLabels(Success) }

// OutcomeLabels returns the labels that the families about an outcome have: by the name in the first status of that outcome.
func (t DeploymentRecord) OutcomeLabels(outcome string) Labels {
	first, _ := t.First(outcome)
	labels := t.StatusLabels(first)
	if slices.Contains(t.History, outcome) {
		return labels.OfHistory()
	}
	return labels
}

// StatusLabels returns the labels of a status of the deployment, by the name in it.
func (t DeploymentRecord) StatusLabels(o Outcome) Labels {
	d, name := t.Deployment, t.calledBy(o)
	d.Owner, d.Repository = name.Owner, name.Repository
	return ScopeLabels(d, name.Team)
}

// Changes returns what the deployment ships; nil before its evaluation.
func (t DeploymentRecord) Changes() []Change {
	if t.Shipment == nil {
		return nil
	}
	return t.Shipment.Changes
}

// Shipped returns what the deployment ships, and the pull requests that brought changes; nil before its evaluation.
func (t DeploymentRecord) Shipped() []Change {
	if t.Shipment == nil {
		return nil
	}
	return slices.Concat(t.Shipment.Changes, t.Shipment.Carriers)
}

// Moment returns what orders the deployment among the successful ones of its scope.
func (t DeploymentRecord) Moment() Moment { return Moment{t.Succeeded(), t.ID} }

// Moment orders the successful deployments of a scope: by the time of the success, then by id.
type Moment struct {
	At time.Time
	ID int64
}

// Before reports whether m comes before other.
func (m Moment) Before(other Moment) bool { return m.Compare(other) < 0 }

// Compare returns a negative number if m comes before other, 0 if they are equal, else a positive number.
func (m Moment) Compare(other Moment) int {
	return cmp.Or(m.At.Compare(other.At), cmp.Compare(m.ID, other.ID))
}

// FarFuture is after every event.
var FarFuture = time.UnixMilli(math.MaxInt64 / 4).UTC()
