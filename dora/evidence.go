package dora

import (
	"cmp"
	"slices"
	"time"
)

// Evidence is an observation that a deployment needed repair. dora/rules/evidence.go explains it.
type Evidence struct {
	// Target is the key of the deployment that the evidence is about, Scope its scope.
	Target string
	Scope  string
	Cause  Cause
	// By names the piece: the key of an incident or deployment, RevertBy, or RunBy. It is unique with Cause.
	By string
	// At is the time of the event that shows it.
	At time.Time
	// Detail explains it to people.
	Detail string
	// Late is true if an event that it follows from arrived after later deployments had been evaluated.
	Late bool
}

// Compare orders evidence: by time, then by cause.
func (e Evidence) Compare(f Evidence) int {
	return cmp.Or(e.At.Compare(f.At), cmp.Compare(slices.Index(Causes, e.Cause), slices.Index(Causes, f.Cause)), cmp.Compare(e.By, f.By))
}

// FailedChange is the mark of a deployment as a failed change: the evidence that decided, and the repair.
type FailedChange struct {
	Evidence
	// RepairedBy is the key of the deployment or incident that repaired it, RepairedAt the time; zero while nothing has.
	RepairedBy string
	RepairedAt time.Time
}

// IsRework reports whether the deployment that repaired f was deployed to repair it: another one than the failed change, with its
// first success. A deployment that succeeds again is no new one.
func (f FailedChange) IsRework(by DeploymentRecord) bool {
	return f.Cause.Rework() && by.Key() != f.Target && by.Succeeded().Equal(f.RepairedAt)
}

// Cause is why a deployment is a failed change: the value of the label cause.
type Cause string

// The causes.
const (
	CauseStatus   Cause = "status"
	CauseIncident Cause = "incident"
	CauseRollback Cause = "rollback"
	CauseRevert   Cause = "revert"
	CauseHotfix   Cause = "hotfix"
	CauseWindow   Cause = "window"
)

// Causes are all causes, in the order that decides between evidence of the same time. MeasuredDay.Encode stores their places in it, so a
// new one comes last, or the stored days are made anew.
var Causes = []Cause{CauseStatus, CauseIncident, CauseRollback, CauseRevert, CauseHotfix, CauseWindow}

// Rework reports whether a deployment repairs failed changes of this cause; a resolution of the incident repairs the others.
func (c Cause) Rework() bool { return c != CauseIncident && c != CauseWindow }
