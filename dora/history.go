package dora

import "time"

// History reads what is known of deployments. The store and the memory of a report implement it.
//
// Deployments without a success are known to Deployment and Named alone. Names are compared byte by byte.
type History interface {
	Runs
	// Deployment returns a deployment by its key; false if it is not known.
	Deployment(key string) (DeploymentRecord, bool, error)
	// FirstShipped returns the key of the oldest deployment of a scope that shipped a change by a name, and whether the change is a
	// revert. A name that begins with # or has 40 bytes or more must be equal; a shorter one, of a SHA, need only be the beginning.
	// An empty name must be equal, too.
	FirstShipped(scope, name string) (key string, revert, known bool, err error)
	// Titled returns the names of at most two changes with a title (Change.Titles) that successes of a scope shipped up to a
	// moment.
	Titled(scope, title string, m Moment) ([]string, error)
	// Named returns the deployments that a reference in the text of an issue may mean, in any order, perhaps one twice: those with
	// its number, those that shipped its pull request, and those whose SHA, or a name that they shipped, begins with its commit. If
	// it names a repository, only those of the repositories that an event has called by that name (RepositoryTx.Named), whatever its
	// case and whatever they are called now.
	Named(r Reference) ([]DeploymentRecord, error)
	// NewestOf returns the newest run in production of a team before a time, not at it; false if there is none.
	NewestOf(team string, before time.Time) (Run, bool, error)
}
