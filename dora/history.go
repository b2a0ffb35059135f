package dora

import "time"

// History reads what is known of deployments, the successful ones in the order of their moments. A transaction of the store implements
// it, and so does the memory of a report.
type History interface {
	// Deployment returns a deployment by its key; false if it is not known.
	Deployment(key string) (DeploymentRecord, bool, error)
	// Previous returns the newest success before a moment, Next the oldest after it; false if there is none.
	Previous(scope string, m Moment) (DeploymentRecord, bool, error)
	Next(scope string, m Moment) (DeploymentRecord, bool, error)
	// LatestRun returns the newest success of a commit before a moment.
	LatestRun(scope, sha string, m Moment) (DeploymentRecord, bool, error)
	// FirstShipped returns the key of the oldest deployment that shipped a change, by its name (#12) or a commit (a SHA or its
	// beginning), and whether the change is a revert itself.
	FirstShipped(scope, name string) (key string, revert, known bool, err error)
	// Named returns all deployments that a reference of an incident names.
	Named(r Reference) ([]DeploymentRecord, error)
	// NewestOf returns the newest success in production of a team before a time.
	NewestOf(team string, before time.Time) (DeploymentRecord, bool, error)
}
