package dora

import "time"

// Records are all deployments and incidents that a store knows at one moment.
type Records struct {
	Deployments []DeploymentRecord
	Incidents   []Incident
	// Repositories has the keys of the repositories that events have called by a name (RepositoryName).
	Repositories map[string][]string
	// Environments are those that counted deployments have gone to: production first, then by name. Those whose names differ in case
	// alone are one.
	Environments []Environment
	// Unsettled is the number of pending evaluations.
	Unsettled int
	// Removal is how much of the history has been removed.
	Removal Removal
}

// Counted has the deployments to production in a period with what was counted about them, so that the measures of the period can be
// computed without all earlier deployments.
type Counted struct {
	Deployments []CountedDeployment
	// First is the time of the first success ever; zero if there is none.
	First time.Time
	// From is the start of the period; later than requested if there were too many deployments.
	From time.Time
	// Teams is the number of all teams, including those whose deployments were left out because there are too many teams.
	Teams int
}

// CountedDeployment is a successful deployment.
type CountedDeployment struct {
	DeploymentRecord
	// Changes are the changes that reached the environment with it for the first time.
	Changes []Change
	// Mark is set if it is a failed change.
	Mark *FailedChange
	// Repaired is the cause of the failed change that it repaired; empty if it is no rework.
	Repaired Cause
}
