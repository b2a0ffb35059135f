package dora

import (
	"slices"
	"time"
)

// Run is a success from which a deployment runs in its scope: its first one, or one after another deployment of the scope had
// succeeded, as when an older deployment is activated again. A success that repeats the one before it begins no run.
type Run struct {
	DeploymentRecord
	// At is the time of the success.
	At time.Time
}

// Moment returns what orders the run among those of its scope.
func (r Run) Moment() Moment { return Moment{r.At, r.ID} }

// Again reports whether the deployment had run before: it is no new deployment.
func (r Run) Again() bool { return !r.At.Equal(r.Succeeded()) }

// Requested returns when the run was asked for: when the deployment was created. One that runs again is asked for when it succeeds
// again, and so is one whose creation is not known.
func (r Run) Requested() time.Time {
	if r.Again() || r.CreatedAt.IsZero() {
		return r.At
	}
	return r.CreatedAt
}

// SortRuns sorts successes of a scope and drops those that repeat the one before them. The others are its runs.
func SortRuns(successes []Run) []Run {
	slices.SortFunc(successes, func(a, b Run) int { return a.Moment().Compare(b.Moment()) })
	return slices.CompactFunc(successes, func(a, b Run) bool { return a.Key() == b.Key() })
}

// SearchRuns returns the index of the first of some sorted runs that is not before a moment, and whether it is at it.
func SearchRuns(all []Run, m Moment) (n int, found bool) {
	return slices.BinarySearchFunc(all, m, func(r Run, m Moment) int { return r.Moment().Compare(m) })
}

// Runs reads the runs of deployments. Those of a scope follow one another by time, then by the deployment's number (Moment).
// Scopes and SHAs are compared byte by byte.
type Runs interface {
	// Previous returns the newest run of a scope before a moment; false if there is none.
	Previous(scope string, m Moment) (Run, bool, error)
	// Next returns the oldest run of a scope after a moment; false if there is none.
	Next(scope string, m Moment) (Run, bool, error)
	// LatestRun returns the newest run of a scope with a SHA before a moment; false if there is none.
	LatestRun(scope, sha string, m Moment) (Run, bool, error)
	// FirstRun returns the oldest run of a scope with a SHA; false if there is none.
	FirstRun(scope, sha string) (Run, bool, error)
}
