package explain

import (
	"context"

	"dora-exporter/dora"
)

// Reader reads the store for explanations. All answers must be as of one moment.
type Reader struct {
	RecordReader
	DeploymentReader
	IncidentReader
	EvidenceReader
	WorkReader
	FactReader
}

// RecordReader finds single records by their keys; the bool is false if there is none.
type RecordReader interface {
	Deployment(ctx context.Context, key string) (dora.DeploymentRecord, bool, error)
	Incident(ctx context.Context, key string) (dora.Incident, bool, error)
	DeliveryOf(ctx context.Context, key string) (dora.StoredDelivery, bool, error)
	// FailedChangeOf returns the failed change that a deployment, by its key, is.
	FailedChangeOf(ctx context.Context, deployment string) (dora.FailedChange, bool, error)
	// IsRemoved reports whether a deployment (dora.SubjectDeployment) or an incident that counted (dora.SubjectIncident) was removed.
	IsRemoved(ctx context.Context, kind, key string) (bool, error)
}

// DeploymentReader finds deployments by the names that people give them. Case does not matter in names of repositories.
type DeploymentReader interface {
	// Deployments returns those of a repository with a number, of any server and environment, sorted by key. The repository is one
	// that an event has called by that name.
	Deployments(ctx context.Context, owner, repository string, number int64) ([]dora.DeploymentRecord, error)
	// WithNumber returns those with a number, of any repository, sorted by key.
	WithNumber(ctx context.Context, number int64) ([]dora.DeploymentRecord, error)
	// Nearest returns at most limit deployments of a repository, those with the nearest numbers first, of two the smaller.
	Nearest(ctx context.Context, owner, repository string, number int64, limit int) ([]dora.DeploymentRecord, error)
	Runs(ctx context.Context) dora.Runs
	// RemovedDeployments returns the keys of the deployments with a number that were removed, or of which nothing but statuses was stored
	// that were, without those that a status promoted: of the servers that have a repository which an event has called by that name.
	RemovedDeployments(ctx context.Context, owner, repository string, number int64) ([]string, error)
	// DeliveriesOf returns the deliveries about a deployment with a number, of any server, in the order of arrival.
	DeliveriesOf(ctx context.Context, number int64) ([]dora.StoredDelivery, error)
}

// IncidentReader finds issues by the names that people give them.
type IncidentReader interface {
	// IncidentsCalled returns the keys of the issues that a delivery calls by a name, such as INC-7, of any server, in the order of
	// arrival. An issue may have another name since.
	IncidentsCalled(ctx context.Context, name string) ([]string, error)
	// IncidentsNamed returns the issues whose newest name it is, sorted by key.
	IncidentsNamed(ctx context.Context, name string) ([]dora.Incident, error)
	// IncidentNames returns at most limit newest names of issues that begin alike, such as INC-, the longest first, then the last by
	// bytes: numbers come highest first.
	IncidentNames(ctx context.Context, beginning string, limit int) ([]string, error)
	// RemovedIssue reports whether an issue was removed whose newest name it was, and whether that was an incident that counted.
	RemovedIssue(ctx context.Context, name string) (removed, counted bool, err error)
	// DeliveriesOfIncident returns the deliveries about an issue by its key, in the order of arrival.
	DeliveriesOfIncident(ctx context.Context, key string) ([]dora.StoredDelivery, error)
	// Named returns all deployments that a reference of an issue names.
	Named(ctx context.Context, r dora.Reference) ([]dora.DeploymentRecord, error)
}

// EvidenceReader returns evidence that deployments are failed changes, in the order of time.
type EvidenceReader interface {
	// EvidenceAbout returns the evidence against a deployment.
	EvidenceAbout(ctx context.Context, deployment string) ([]dora.Evidence, error)
	// EvidenceIn returns the evidence that a deployment or incident is, also against itself: that whose By is its key, or its key,
	// a space and more.
	EvidenceIn(ctx context.Context, key string) ([]dora.Evidence, error)
	// RepairedBy returns the failed changes that a deployment or incident repaired, in the order of their times.
	RepairedBy(ctx context.Context, key string) ([]dora.FailedChange, error)
}

// WorkReader returns the work that is pending.
type WorkReader interface {
	// EvaluationsOf returns the pending evaluations of deployments, incidents or scopes in the order of their keys as given, each
	// key's by kind. Due and Ripe are times of day, as the store's clock will reach them if it keeps running.
	EvaluationsOf(ctx context.Context, keys ...string) ([]dora.Evaluation, error)
	// WaitingBefore returns the first pending evaluation of a deployment that comes before another one of its scope; its zero value
	// if there is none.
	WaitingBefore(ctx context.Context, s dora.Evaluation) (dora.Evaluation, error)
	// LookupOf returns the pending look-up of a commit by its key; false if there is none. Due and FailingSince are times of day.
	LookupOf(ctx context.Context, commit string) (dora.Lookup, bool, error)
	Backlog(ctx context.Context) (dora.Backlog, error)
	// CountEvaluations returns the number of pending evaluations.
	CountEvaluations(ctx context.Context) (int, error)
}

// FactReader returns facts.
type FactReader interface {
	// FactsAbout returns the facts of all families with some subjects, or with subjects that continue one of them behind a
	// slash, in the order of their times.
	FactsAbout(ctx context.Context, subjects ...string) ([]dora.Fact, error)
	// SeriesHistory returns the series that a query selects, sorted by their labels; dora.ErrTooManySeries if there are too many.
	SeriesHistory(ctx context.Context, q dora.SeriesQuery) ([]dora.SeriesHistory, error)
	// LastPosition returns the position of the newest fact.
	LastPosition(ctx context.Context) (int64, error)
	// IsFactRemoved reports whether a fact with a family and subject was removed.
	IsFactRemoved(ctx context.Context, family, subject string) (bool, error)
	// Removal returns how much of the history has been removed.
	Removal(ctx context.Context) (dora.Removal, error)
}
