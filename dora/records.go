package dora

import "time"

// Records are all deployments and incidents that a store knows at one moment.
type Records struct {
	Deployments []DeploymentRecord
	Incidents   []Incident
	// Unsettled is how many things are still to be looked at.
	Unsettled int
}

// Counted are deployments to production with what was counted of them: the measures of a time are worked out of those that
// were done in it, without all that was before.
type Counted struct {
	Deployments []CountedDeployment
	// First is when the first success of all was; zero when there is none.
	First time.Time
	// From is when the oldest of Deployments may be from: later than was asked for when there were too many.
	From time.Time
	// Teams is how many teams there are, those included whose deployments were left out since there are so many teams.
	Teams int
}

// CountedDeployment is one that succeeded.
type CountedDeployment struct {
	DeploymentRecord
	// Changes are those that reached the environment with it for the first time.
	Changes []Change
	// Mark says that it turned out bad; nil when it did not.
	Mark *FailedChange
	// Repaired is the cause for which it is rework; empty when it is none.
	Repaired Cause
}
