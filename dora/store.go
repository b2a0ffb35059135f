package dora

import (
	"context"
	"errors"
	"time"
)

// ErrStoreFailing is in the error of an Update that failed for a reason that lies in the disk and not in what was to be
// written: it may work later.
var ErrStoreFailing = errors.New("the store can't write now")

// Transactor runs transactions.
type Transactor interface {
	// Update runs f in one transaction. If f returns an error or panics, nothing of it is stored, and Update returns the error;
	// transactions that are committed together with it are not affected. What f wrote is durable when Update returns nil. f may be
	// called again if other changes of the same commit failed. An error with ErrStoreFailing may pass. The Tx must not be used
	// after f has returned.
	Update(ctx context.Context, f func(Tx) error) error
}

// Revisions announces commits, whichever process makes them. Each commit that changes something has a greater revision than those
// before it; a transaction that changes nothing, or is undone, has none. A caller that takes a revision, reads, and then waits for
// a later revision misses nothing.
type Revisions interface {
	// Revision returns the revision of the newest commit that is known. All that it stored can be read.
	Revision() int64
	// WaitAfter returns nil as soon as there is a commit after a revision that can be read, also if it was before the call, and the
	// error of ctx when that ends first. Commits of other processes may be noticed late: callers look at least every two seconds.
	WaitAfter(ctx context.Context, revision int64) error
}

// FactLog reads the facts.
type FactLog interface {
	// Facts returns at most limit facts after a position, in the order of positions. It fails if a fact is damaged or a position is
	// missing.
	Facts(ctx context.Context, after int64, limit int) ([]Fact, error)
}

// Lookup is a look-up of a commit's origin that is still to be made.
type Lookup struct {
	Commit Commit
	// Due is when to make the next attempt.
	Due time.Time
	// Attempts counts those that failed since the last answer, Misses the answers that it is not there.
	Attempts int
	Misses   int
}

// WaitingStatus is a status that was counted and waits for its duration.
type WaitingStatus struct {
	// Commit is the commit's key.
	Commit  string
	Subject string
	Labels  Labels
	At      time.Time
	ID      int64
}

// Evaluation is something that is looked at together with its neighbours when these have had the time to arrive.
type Evaluation struct {
	// Kind is one of the constants below, Key names what is looked at.
	Kind, Key string
	// Scope is that of a deployment; empty for incidents.
	Scope string
	// At and ID are the event's place among those of its scope.
	At time.Time
	ID int64
	// Due is when to look at it next; Ripe when everything has had its time to arrive.
	Due, Ripe time.Time
	// Attempts and Misses are as in Job.
	Attempts, Misses int
}

// Kinds of what is looked at.
const (
	DeploymentEvaluation = "deployment" // what a success ships, and what that shows
	OutcomeEvaluation    = "outcome"    // run times, and a failure after a success
	IncidentEvaluation   = "incident"   // its recovery, and what it shows
	IssueEvaluation      = "issue"      // the same of one that can show nothing, so that nothing waits for it
	ScopeEvaluation      = "scope"      // evidence that had to wait for other evidence
)

// Incident is what the rules remember of an issue.
type Incident struct {
	// Key is host/id.
	Key string
	// Labels are those that it was counted under; nil before it is counted.
	Labels Labels
	// Created is when it was opened and Resolved its newest resolution; zero while no payload has told.
	Created  time.Time
	Resolved time.Time
	// Name is what people call it, such as INC-7.
	Name string
	// Is is set when an event showed that the issue is an incident; it stays one.
	IsIncident bool
	// Earliest and Newest are its first and last event by their own times, EarliestTeam and Team the teams of their projects.
	Earliest, Newest   IncidentChange
	EarliestTeam, Team string
	// Open are the labels that it is counted under as open, nil while it is not; OpenFacts how many facts that took.
	Open      Labels
	OpenFacts int
	// Late is set when one of its events came after what it would have been looked at together with.
	Late bool
	// FirstResolved is its earliest resolution; zero before.
	FirstResolved time.Time
	// References are all that its events name.
	References []Reference
	// Counted is how much of Resolved - Created is in the sum already, in milliseconds.
	Counted int64
}

// Recorder is the instruments: they start from a restored state and record what is new.
type Recorder interface {
	// Restore sets what was reached before this process started recording. It is called once, before Record.
	Restore(State)
	// Record adds facts, all of them before the next scrape or none.
	Record([]Fact) error
	// State is what has been reached: the restored state and all that was recorded.
	State() State
}

// Checkpoint is the file with all cumulative values.
type Checkpoint interface {
	// Restore returns the values that the file holds and the position up to which they hold, as the table in the design
	// says; the facts after that position are still to be added.
	Restore(ctx context.Context) (State, int64, error)
	// Write replaces the file, durably: it is either the old one or the new one whatever happens.
	Write(ctx context.Context, s State, position int64) error
}

// Catalog says which team owns what. It returns Unknown when nobody does, an error when it can't say now.
type Catalog interface {
	RepositoryTeam(ctx context.Context, owner, repository string) (string, error)
	ProjectTeam(ctx context.Context, project string) (string, error)
}

// Unknown is the team of what nobody owns.
const Unknown = "Unknown"

// Enricher looks up a commit's origin at GitHub. A *NotFoundError says that GitHub does not have it; any other error is
// temporary. An Origin with Unavailable set is final.
type Enricher interface {
	Origin(ctx context.Context, c Commit) (Origin, error)
	// Ship finds out what a deployment ships. learned are origins of commits that it found on the way and that Known did not
	// have, by SHA, also when it fails: so that the next attempt need not ask again.
	Ship(ctx context.Context, c Comparison) (s Shipment, learned map[string]Origin, err error)
}
