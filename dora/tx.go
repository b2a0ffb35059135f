package dora

import "time"

// Tx is one transaction of the store, by what it is about. What f does in Update with it is committed as a whole or not at all.
type Tx interface {
	Facts() FactTx
	Deliveries() DeliveryTx
	Commits() CommitTx
	History() History
	Repositories() RepositoryTx
	Deployments() DeploymentTx
	Incidents() IncidentTx
	Evidence() EvidenceTx
	Evaluations() EvaluationTx
	Removal() RemovalTx
	Days() DayTx
	Backfill() BackfillTx
}

// FactTx adds facts, and keeps the label sets that count against the limit on series.
type FactTx interface {
	// Add stores the fact at the next position and returns true, or returns false if there is one with its family and subject,
	// which is left as it is. Positions are 1, 2, 3 and so on without gaps: neither a fact that is there already nor a
	// transaction that is undone uses one up. A fact that was removed (RemovalTx) counts as there.
	Add(Fact) (bool, error)
	// Has reports whether a fact with a family and subject is there, or was removed.
	Has(family, subject string) (bool, error)
	// HasLabelSet reports whether a label set (Labels.Key) of a group of families was added.
	HasLabelSet(families, labels string) (bool, error)
	// AddLabelSet adds a label set, which counts for a number of series. One that is there already is left as it is.
	AddLabelSet(families, labels string, series int) error
	// Series returns the number of series that all label sets of a group of families count for.
	Series(families string) (int, error)
}

// DeliveryTx adds deliveries, and ends the processing of one: these methods take the ID of a pending delivery, and fail for any other ID.
type DeliveryTx interface {
	// Add stores a delivery as pending, whatever the limit on these, and returns true, or returns false if one with its key is there
	// or was removed, which is left as it is.
	Add(Delivery) (bool, error)
	// Done marks a delivery as processed.
	Done(delivery int64) error
	// Postpone keeps a delivery, which has been waiting for its team since a time, from being claimed until another.
	Postpone(delivery int64, since, until time.Time) error
	// Retry keeps a delivery that failed from being claimed until a time, with the number of attempts, at how many of them the store failed,
	// and why the last one failed.
	Retry(delivery int64, attempts, storeFailures int, why string, until time.Time) error
	// SetAside makes a dead letter of a delivery: it is not pending until a person wants it to be tried again.
	SetAside(delivery int64, attempts int, why string) error
}

// CommitTx keeps what is known of commits, their look-ups, and the statuses that wait for these.
type CommitTx interface {
	// Origin returns the cached origin of a commit; false if it is not known.
	Origin(commit string) (Origin, bool, error)
	// SaveOrigin adds or replaces the origin of a commit.
	SaveOrigin(commit string, o Origin) error
	// MarkUnshipped stores that no deployment is known to ship a commit that has an origin: RemovalTx.RemoveUnshipped removes that one day.
	MarkUnshipped(commit string) error
	// AddLookup stores a look-up unless there is one of the same commit, which is left as it is.
	AddLookup(Lookup) error
	// RetryLookup replaces the look-up of the same commit, with all that it says.
	RetryLookup(Lookup) error
	// Wait stores a status that waits for its commit's origin, once for each commit and subject.
	Wait(WaitingStatus) error
	// TakeWaiting returns and removes the statuses that wait for a commit, by time, then by ID, and removes the commit's look-up.
	TakeWaiting(commit string) ([]WaitingStatus, error)
}

// DeploymentTx changes what is remembered of deployments; History reads it.
type DeploymentTx interface {
	// Save adds a deployment or replaces all that is known of it, also what it is found by. Whether it has been evaluated stays. The days
	// of its scope are stale from then on since its time (DeploymentRecord.When), the one before or the new one, whichever is earlier,
	// and so is what incidents show.
	Save(DeploymentRecord) error
	// AddShipped stores that a deployment shipped a change of its Shipment, under names of it and its titles. What was stored of the same
	// deployment and name is replaced.
	AddShipped(t DeploymentRecord, c Change, names []string) error
	// RemoveShipped removes what AddShipped stored of a deployment and a change when it was given the same deployment, with the same
	// success.
	RemoveShipped(t DeploymentRecord, c Change) error
	// AddStatus stores the number of a status of a deployment, by the key of the deployment without an environment (DeploymentKey).
	// RemoveStatus removes it, and StatusesAt returns the numbers of those with a state and a time, in their order. RemoveDeployment
	// removes all of them with the last of the deployments with that key.
	AddStatus(deployment, state string, at time.Time, id int64) error
	RemoveStatus(deployment, state string, at time.Time, id int64) error
	StatusesAt(deployment, state string, at time.Time) ([]int64, error)
	// HasEvaluatedAfter reports whether a success of a scope that comes after a moment has been evaluated: its evaluation is done
	// and was not added again.
	HasEvaluatedAfter(scope string, m Moment) (bool, error)
}

// IncidentTx keeps what is remembered of incidents.
type IncidentTx interface {
	// Get returns an incident by its key, with its events; the zero value if it is not known.
	Get(key string) (Incident, error)
	// Save adds or replaces an incident. What it shows is stale from then on (StaleIncident), if it is an incident that counts or gives
	// evidence.
	Save(Incident) error
}

// EvidenceTx keeps evidence and failed changes. The order of what it returns is not defined.
type EvidenceTx interface {
	// Add stores a piece of evidence unless there is one of the same cause and By, which is left as it is.
	Add(Evidence) error
	// Remove removes the piece of evidence with a cause and By.
	Remove(c Cause, by string) error
	// By returns the piece of evidence with a cause and By; false if there is none.
	By(c Cause, by string) (Evidence, bool, error)
	// UndecidedSince returns the time of the earliest evidence of a scope against a deployment that is no failed change; false if there is none.
	UndecidedSince(scope string) (time.Time, bool, error)
	// Undecided returns the evidence of a scope before a time against deployments that are no failed changes.
	Undecided(scope string, before time.Time) ([]Evidence, error)
	// SaveFailedChange adds or replaces the failed change of a deployment.
	SaveFailedChange(FailedChange) error
	// Unrepaired returns the failed changes of a scope that nothing has repaired.
	Unrepaired(scope string) ([]FailedChange, error)
}

// EvaluationTx keeps what is still to be evaluated, each once by kind and key.
//
// The deployments of a scope are evaluated one after another, in the order of their successes (At, then ID). So of each scope only
// the first deployment can be claimed: the others wait for it while it is not due and while it is leased, and one that is added
// later but comes earlier takes its turn. Evaluations of other kinds wait for nothing but their time.
type EvaluationTx interface {
	// Add stores an evaluation. If it is there already, the earlier At and the later Due and Ripe of the two hold: it is made
	// when both are due, and what comes after the earlier one waits for it.
	Add(Evaluation) error
	// Retry changes Due, Attempts, Misses, FailingSince, FailingCalls and Inaccessible of an evaluation, which is made again later. It adds
	// one that is not there.
	Retry(Evaluation) error
	// Hasten makes an evaluation due at Due, if it is pending and due later. It may be one that another client has claimed: then that one's
	// result holds, and what it postpones is postponed.
	Hasten(Evaluation) error
	// Done removes an evaluation. That of a deployment counts as evaluated from then on. If its repository was merged into another one since it
	// was claimed, it stays, to be made again in the scope that it has now.
	Done(Evaluation) error
	// First returns the evaluation of the first deployment of a scope, whether it is due or not; false if there is none.
	First(scope string) (Evaluation, bool, error)
	// OutcomeWaits reports whether an outcome of a scope at or before a time is still to be evaluated.
	OutcomeWaits(scope string, upTo time.Time) (bool, error)
	// IncidentWaits reports whether an incident or another issue is still to be evaluated.
	IncidentWaits(key string) (bool, error)
	// WaitingIncidents returns the incidents, without other issues, that are still to be evaluated and were created at or before
	// a time, the latest Ripe first.
	WaitingIncidents(upTo time.Time) ([]Evaluation, error)
	// RepositoryWaits reports whether a success of a repository, by its key (empty for any), before a time, not at it, is still to be
	// evaluated: waits, whether there is one in a scope whose First is not failing (Evaluation.Failing); failing, whether there is
	// one in a scope whose First is.
	RepositoryWaits(repository string, before time.Time) (waits, failing bool, err error)
	// FirstUntried returns the evaluation of the oldest success of a repository, by its key, before a time, not at it, that is the
	// first of its scope and has not failed yet; false if there is none.
	FirstUntried(repository string, before time.Time) (Evaluation, bool, error)
}
