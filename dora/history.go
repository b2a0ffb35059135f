package dora

import "time"

// History answers what is known of the deployments of a scope, successful ones in the order of their moments. The store
// and a report's memory both do.
type History interface {
	// Tracked returns a deployment by its key; false when it is not known.
	Deployment(key string) (DeploymentRecord, bool, error)
	// Previous is the newest success before a moment, Next the oldest after it; false when there is none.
	Previous(scope string, m Moment) (DeploymentRecord, bool, error)
	Next(scope string, m Moment) (DeploymentRecord, bool, error)
	// LatestRun is the newest success before a moment of a commit.
	LatestRun(scope, sha string, m Moment) (DeploymentRecord, bool, error)
	// FirstShipped is the oldest deployment that shipped a change (#12) or one of its commits (a SHA or its beginning),
	// and whether the change is a revert itself.
	FirstShipped(scope, name string) (key string, revert, known bool, err error)
	// Named are all deployments that a reference of an incident names.
	Named(r Reference) ([]DeploymentRecord, error)
	// NewestOf is the newest success in production of a team before a time.
	NewestOf(team string, before time.Time) (DeploymentRecord, bool, error)
}
