package dora

import "time"

// History reads what is known of deployments. The store and the memory of a report implement it.
//
// The successes of a scope follow one another by the time of their success, then by their number (Moment). Deployments without a
// success are known to Deployment and Named alone. Names are compared byte by byte.
type History interface {
	// Deployment returns a deployment by its key; false if it is not known.
	Deployment(key string) (DeploymentRecord, bool, error)
	// Previous returns the newest success of a scope before a moment; false if there is none.
	Previous(scope string, m Moment) (DeploymentRecord, bool, error)
	// Next returns the oldest success of a scope after a moment; false if there is none.
	Next(scope string, m Moment) (DeploymentRecord, bool, error)
	// LatestRun returns the newest success of a scope with a SHA before a moment; false if there is none.
	LatestRun(scope, sha string, m Moment) (DeploymentRecord, bool, error)
	// FirstShipped returns the key of the oldest deployment of a scope that shipped a change by a name, and whether the change is a
	// revert. A name that begins with # or has 40 bytes or more must be equal; a shorter one, of a SHA, need only be the beginning.
	// An empty name must be equal, too.
	FirstShipped(scope, name string) (key string, revert, known bool, err error)
	// Titled returns the names of at most two changes with a title (Change.Titles) that successes of a scope shipped up to a
	// moment.
	Titled(scope, title string, m Moment) ([]string, error)
	// Named returns the deployments that a reference in the text of an issue may mean, in any order, perhaps one twice: those with
	// its number, those that shipped its pull request, and those whose SHA, or a name that they shipped, begins with its commit. If
	// it names a repository, only those of it, whatever its case.
	Named(r Reference) ([]DeploymentRecord, error)
	// NewestOf returns the newest success in production of a team before a time, not at it; false if there is none.
	NewestOf(team string, before time.Time) (DeploymentRecord, bool, error)
}
