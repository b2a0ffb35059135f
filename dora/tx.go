package dora

import "time"

// Tx is one transaction of the store, by what it is about. What f does in Update with it is committed as a whole or not at all.
type Tx interface {
	Facts() FactTx
	Deliveries() DeliveryTx
	Commits() CommitTx
	History() History
	Deployments() DeploymentTx
	Incidents() IncidentTx
	Evidence() EvidenceTx
	Evaluations() EvaluationTx
}

// FactTx adds facts, and knows which label sets have a place under the limit on series.
type FactTx interface {
	// Add gives the fact the next position and stores it; false if its family and subject are there already.
	Add(Fact) (bool, error)
	// Has reports whether a fact with a family and subject is there.
	Has(family, subject string) (bool, error)
	// HasLabelSet reports whether a label set (Labels.Key) of a group of families has a place.
	HasLabelSet(families, labels string) (bool, error)
	// AddLabelSet gives a label set a place, which is for so many series.
	AddLabelSet(families, labels string, series int) error
	// Series returns how many series the places of a group of families are for.
	Series(families string) (int, error)
}

// DeliveryTx ends the processing of a delivery. Each method takes the delivery's ID.
type DeliveryTx interface {
	// Done marks a delivery as processed.
	Done(delivery int64) error
	// Postpone keeps a delivery, which has been waiting for its team since a time, from Pending until another.
	Postpone(delivery int64, since, until time.Time) error
	// Retry keeps a delivery that failed from Pending until a time, with the number of attempts and why the last one failed.
	Retry(delivery int64, attempts int, why string, until time.Time) error
	// SetAside makes a dead letter of a delivery: it is not pending until a person wants it to be tried again.
	SetAside(delivery int64, attempts int, why string) error
}

// CommitTx keeps what is known of commits, their look-ups, and the statuses that wait for these.
type CommitTx interface {
	// Origin returns the cached origin of a commit; false if it is not known.
	Origin(commit string) (Origin, bool, error)
	// SaveOrigin adds or replaces the origin of a commit.
	SaveOrigin(commit string, o Origin) error
	// AddLookup stores a look-up unless one of the same commit is there.
	AddLookup(Lookup) error
	// RetryLookup replaces the look-up of the same commit.
	RetryLookup(Lookup) error
	// Wait stores a status that waits for its commit's origin.
	Wait(WaitingStatus) error
	// TakeWaiting returns and removes the statuses that wait for a commit, and removes the commit's look-up.
	TakeWaiting(commit string) ([]WaitingStatus, error)
}

// DeploymentTx changes what is remembered of deployments; History reads it.
type DeploymentTx interface {
	// Save adds or replaces a deployment.
	Save(DeploymentRecord) error
	// AddShipped remembers that a deployment shipped a change, under all of its names.
	AddShipped(t DeploymentRecord, names []string, revert bool) error
	// HasEvaluatedAfter reports whether a success of a scope that comes after a moment has been evaluated.
	HasEvaluatedAfter(scope string, m Moment) (bool, error)
}

// IncidentTx keeps what is remembered of incidents.
type IncidentTx interface {
	// Get returns an incident by its key; the zero value if it is not known.
	Get(key string) (Incident, error)
	// Save adds or replaces an incident.
	Save(Incident) error
}

// EvidenceTx keeps evidence and the marks of failed changes.
type EvidenceTx interface {
	// Add stores a piece of evidence unless it is there.
	Add(Evidence) error
	// By returns the piece that an incident or deployment is for a cause; false if it is none.
	By(c Cause, by string) (Evidence, bool, error)
	// Unmarked returns the evidence about deployments of a scope that have no mark.
	Undecided(scope string) ([]Evidence, error)
	// SaveMark adds or replaces the mark of a deployment.
	SaveFailedChange(FailedChange) error
	// Unrepaired returns the marks of a scope that nothing has repaired.
	Unrepaired(scope string) ([]FailedChange, error)
}

// EvaluationTx keeps what is still to be evaluated.
type EvaluationTx interface {
	// Add stores an evaluation. If it is there already it becomes due when both are, and holds up what comes after the earlier
	// of the two.
	Add(Evaluation) error
	// Retry replaces an evaluation, which is to be made again later.
	Retry(Evaluation) error
	// Done removes an evaluation.
	Done(Evaluation) error
	// First returns the deployment of a scope that is to be evaluated first; false if there is none.
	First(scope string) (Evaluation, bool, error)
	// OutcomeWaits reports whether an outcome of a scope that is not after a time is still to be evaluated.
	OutcomeWaits(scope string, upTo time.Time) (bool, error)
	// IncidentWaits reports whether an incident is still to be evaluated.
	IncidentWaits(key string) (bool, error)
	// WaitingIncidents returns the incidents that are still to be evaluated and were not created after a time, the one that
	// is ripe last first.
	WaitingIncidents(upTo time.Time) ([]Evaluation, error)
	// RepositoryWaits reports whether a success of a repository (Deployment.RepositoryName; empty for any) before a time is
	// still to be evaluated.
	RepositoryWaits(repository string, before time.Time) (bool, error)
}
