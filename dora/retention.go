package dora

import (
	"fmt"
	"time"
)

// Removal is how much of the history storage.retention has removed.
type Removal struct {
	// Position is that of the last fact that was removed, 0 if none was. Facts are removed in the order of their positions.
	Position int64
	// Before is a time up to which the history is not complete: what was removed arrived before it. It is zero if nothing was removed.
	Before time.Time
}

// RemovedError is the error of FactLog.Facts for a position after which facts have been removed.
type RemovedError struct {
	// Position is that of the last fact that was removed.
	Position int64
}

func (e *RemovedError) Error() string {
	return fmt.Sprintf("the facts up to position %d have been removed (storage.retention)", e.Position)
}

// Removed says what a batch has removed.
type Removed struct{ Deliveries, Facts, Deployments, Incidents int }

// Add adds what another batch has removed.
func (r *Removed) Add(other Removed) {
	r.Deliveries += other.Deliveries
	r.Facts += other.Facts
	r.Deployments += other.Deployments
	r.Incidents += other.Incidents
}

// Arrival is the end of what had arrived at a time: the last delivery, and the last fact that follows from deliveries up to it.
type Arrival struct{ Delivery, Position int64 }

// RemovalTx removes what is old, in small batches, and remembers the keys: nothing counts twice, however late it is delivered again.
// rules.Session.RemoveOld decides what is old.
type RemovalTx interface {
	// MarkArrival remembers the last delivery and the last fact, so that ArrivedBefore knows when they arrived. It forgets marks that
	// are of no use any more.
	MarkArrival() error
	// ArrivedBefore returns a delivery and a fact up to which everything had arrived before a time, as late ones as the marks tell,
	// to the day; zeros if nothing is known to have.
	ArrivedBefore(at time.Time) (Arrival, error)
	// RemoveFacts removes at most limit facts, the oldest first, up to a position, but never the newest of all. It adds them to the
	// sums (Sums) first, unless these have them. FactTx.Has and Add still know them, and nothing else does. before is stored as
	// Removal.Before.
	RemoveFacts(upTo int64, before time.Time, limit int) (removed int, err error)
	// RemoveDeliveries removes at most limit processed deliveries, the oldest first, up to an ID. A delivery that is pending or a dead
	// letter stays. A delivery with the key of a removed one is a duplicate. What they are about is Aged from then on. If the deployment of
	// one is not stored, it removes what the event has left: the status (AddStatus), and the cached origin of the commit unless another
	// deployment has that, too.
	RemoveDeliveries(upTo int64, limit int) (removed int, err error)
	// RemoveUnshipped removes at most limit of the marks that CommitTx.MarkUnshipped stored while the newest fact was at most one at a
	// position, the oldest first, and the cached origins of their commits unless a deployment has deployed or shipped these. removed is the
	// number of marks.
	RemoveUnshipped(upTo int64, limit int) (removed int, err error)
	// Aged returns at most limit deployments and issues of which a delivery has been removed and that are stored, in the order of
	// Kind and Key, those after another one. RemoveDeployment and RemoveIncident take them out.
	Aged(after AgedRecord, limit int) ([]AgedRecord, error)
	// RemoveDeployment removes a deployment with all that is stored of it: what it shipped, the evidence against it, its failed
	// change, and the cached origins of its commits, unless another deployment has them, too. DayReads.CompleteFrom is before then for its
	// scope, and for all others of which something was removed.
	RemoveDeployment(d DeploymentRecord, before time.Time) error
	// RemoveIncident removes an issue and its events. With counted, IsRemoved knows it. CompleteFrom is before then likewise, for the scopes
	// in which the issue is evidence by the days.
	RemoveIncident(i Incident, before time.Time, counted bool) error
	// IsRemoved reports whether a record of a kind (SubjectDeployment, SubjectIncident) with a key has been removed. Of a deployment that
	// a status promoted, this is true for the key without the environment, too, when nothing is left of it in any environment. For
	// SubjectStatus and a DeploymentKey, it reports whether RemoveDeliveries has removed a status of a deployment that was not stored.
	IsRemoved(kind, key string) (bool, error)
	// EvidenceAgainst returns the evidence against a deployment, that which was found when it was evaluated and that of the days, in any
	// order.
	EvidenceAgainst(DeploymentRecord) ([]Evidence, error)
	// IsEvaluationPending reports whether an evaluation with a key is pending, of any kind.
	IsEvaluationPending(key string) (bool, error)
	// IsUnrepairedBy reports whether a failed change that nothing has repaired was marked because of an incident, by its key, or still may be:
	// the incident is evidence on which nothing is decided.
	IsUnrepairedBy(incident string) (bool, error)
}

// AgedRecord names a deployment or issue.
type AgedRecord struct {
	// Kind is SubjectDeployment or SubjectIncident.
	Kind, Key string
}
