package dora

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
