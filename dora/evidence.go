package dora

import (
	"cmp"
	"slices"
	"time"
)

// Evidence shows that a deployment turned out bad. Each piece is about one deployment.
type Evidence struct {
	// Target is the key of the deployment that turned out bad, and Scope that of its repository and environment.
	Target string
	Scope  string
	Cause  Cause
	// By names the piece: the deployment that rolls back, say, or the incident. Unique with Cause.
	By string
	// At is when it showed.
	At time.Time
	// Detail says it to a person.
	Detail string
	// Late is set when an event that it comes from arrived after later deployments had been settled.
	Late bool
}

// Compare orders evidence: by time, then by cause.
func (e Evidence) Compare(f Evidence) int {
	return cmp.Or(e.At.Compare(f.At), cmp.Compare(slices.Index(Causes, e.Cause), slices.Index(Causes, f.Cause)), cmp.Compare(e.By, f.By))
}

// FailedChange says that a deployment turned out bad, why, and what repaired it.
type FailedChange struct {
	Evidence
	// RepairedBy is the key of the deployment or incident that ended it, RepairedAt when; zero while nothing has.
	RepairedBy string
	RepairedAt time.Time
}

// Cause is why a deployment is taken to have failed: the value of the label cause.
type Cause string

// The causes, in the order that decides between pieces of evidence of the same time.
const (
	CauseStatus   Cause = "status"
	CauseIncident Cause = "incident"
	CauseRollback Cause = "rollback"
	CauseRevert   Cause = "revert"
	CauseHotfix   Cause = "hotfix"
	CauseWindow   Cause = "window"
)

// Causes are all causes.
var Causes = []Cause{CauseStatus, CauseIncident, CauseRollback, CauseRevert, CauseHotfix, CauseWindow}

// Rework says whether a deployment repairs what failed for this cause.
func (c Cause) Rework() bool { return c != CauseIncident && c != CauseWindow }
