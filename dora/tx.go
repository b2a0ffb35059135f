package dora

import "time"

// Tx is a transaction of the store: what Update's f writes with it is committed as a whole or not at all.
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

// FactTx adds facts, and keeps which label sets have reserved series under the limit.
type FactTx interface {
	// Add stores the fact at the next position; false if there is a fact with its family and subject.
	Add(Fact) (bool, error)
	// Has reports whether there is a fact with a family and subject.
	Has(family, subject string) (bool, error)
	// HasLabelSet reports whether a label set (Labels.Key) of a group of families has reserved series.
	HasLabelSet(families, labels string) (bool, error)
	// AddLabelSet reserves a number of series for a label set.
	AddLabelSet(families, labels string, series int) error
	// Series returns how many series of a group of families are reserved.
	Series(families string) (int, error)
}

// DeliveryTx ends the processing of a delivery. Each method takes the delivery's ID.
type DeliveryTx interface {
	// Done marks a delivery as processed.
	Done(delivery int64) error
	// Postpone makes a delivery, which has been waiting for its team since a time, due at another time.
	Postpone(delivery int64, since, until time.Time) error
	// Retry makes a delivery that failed due at a time, with the number of attempts and why the last one failed.
	Retry(delivery int64, attempts int, why string, until time.Time) error
	// SetAside makes a delivery a dead letter: it is not processed before an operator retries it.
	SetAside(delivery int64, attempts int, why string) error
}

// CommitTx keeps the origins of commits, their look-ups, and the statuses that wait for these.
type CommitTx interface {
	// Origin returns the cached origin of a commit; false if it is not known.
	Origin(commit string) (Origin, bool, error)
	// SaveOrigin adds or replaces the origin of a commit.
	SaveOrigin(commit string, o Origin) error
	// AddLookup stores a look-up unless there is one of the same commit.
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
	// AddShipped remembers under all names of a change that a deployment shipped it.
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

// EvidenceTx keeps evidence and failed changes.
type EvidenceTx interface {
	// Add stores a piece of evidence unless there is one with its Cause and By.
	Add(Evidence) error
	// By returns the piece of evidence with a cause and By; false if there is none.
	By(c Cause, by string) (Evidence, bool, error)
	// Undecided returns the evidence about deployments of a scope that are not marked as failed changes.
	Undecided(scope string) ([]Evidence, error)
	// SaveFailedChange adds or replaces the mark of a deployment.
	SaveFailedChange(FailedChange) error
	// Unrepaired returns the failed changes of a scope that nothing has repaired.
	Unrepaired(scope string) ([]FailedChange, error)
}

// EvaluationTx keeps the pending evaluations.
type EvaluationTx interface {
	// Add stores an evaluation. If there is one of the same kind and key, it gets the later Due and Ripe of the two and the earlier At.
	Add(Evaluation) error
	// Retry stores an evaluation that is made later; if there is one of the same kind and key, it gets the new Due and attempts.
	Retry(Evaluation) error
	// Done removes an evaluation.
	Done(Evaluation) error
	// First returns the evaluation of the earliest deployment of a scope; false if there is none.
	First(scope string) (Evaluation, bool, error)
	// OutcomeWaits reports whether an outcome of a scope that is not after a time waits for its evaluation.
	OutcomeWaits(scope string, upTo time.Time) (bool, error)
	// IncidentWaits reports whether an incident waits for its evaluation.
	IncidentWaits(key string) (bool, error)
	// WaitingIncidents returns the evaluations of incidents that were not created after a time, the latest Ripe first.
	WaitingIncidents(upTo time.Time) ([]Evaluation, error)
	// RepositoryWaits reports whether a success of a repository (Deployment.RepositoryName; empty for any) before a time waits for its
	// evaluation.
	RepositoryWaits(repository string, before time.Time) (bool, error)
}
