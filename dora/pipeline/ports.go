package pipeline

import (
	"context"

	"dora-exporter/dora"
)

// DeliveryStore is the store as the Processor uses it.
type DeliveryStore interface {
	dora.Transactor
	dora.Revisions
	arrivals
	// DeliveryQueue returns the pending deliveries: those that were neither postponed nor failed in the order of arrival, then the
	// others, the longest due first.
	DeliveryQueue() dora.Queue[dora.Delivery]
}

// arrivals says how deliveries are stored.
type arrivals interface {
	// DeliveriesWait reports whether a delivery that arrives waits until the update that is being made has ended.
	DeliveriesWait() bool
}

// repositoryNames reads what repositories are called.
type repositoryNames interface {
	// NewestName returns the name (dora.RepositoryName) by which the newest event called a repository, by its key; empty if none has.
	NewestName(ctx context.Context, repository string) (string, error)
}

// LookupStore is the store as Lookups use it.
type LookupStore interface {
	dora.Transactor
	dora.Revisions
	repositoryNames
	// LookupQueue returns the look-ups of commits, the longest due first.
	LookupQueue() dora.Queue[dora.Lookup]
	// KnownOrigin returns what is remembered of a commit; false if nothing is.
	KnownOrigin(ctx context.Context, commit string) (dora.Origin, bool, error)
	// Waiting returns the subjects of the statuses that wait for a commit, by time, then by ID.
	Waiting(ctx context.Context, commit string) (subjects []string, err error)
}

// EvaluationStore is the store as the Evaluator uses it.
type EvaluationStore interface {
	dora.Transactor
	dora.Revisions
	arrivals
	repositoryNames
	// ComparisonQueue returns the evaluations of deployments, which compare commits at GitHub, the longest due first: of each
	// scope the first one alone (dora.EvaluationTx), so that none comes before an earlier one of its scope that is not due or is
	// leased. None of either queue is claimed while a delivery is pending that arrived before the evaluation was due, unless it waits for its
	// team: it may be leased to a process that was killed, or have failed, and what it says is not late.
	ComparisonQueue() dora.Queue[dora.Evaluation]
	// EvaluationQueue returns the other evaluations, which need no call, the longest due first.
	EvaluationQueue() dora.Queue[dora.Evaluation]
	// KnownOrigin returns what is remembered of a commit; false if nothing is.
	KnownOrigin(ctx context.Context, commit string) (dora.Origin, bool, error)
	// Past returns what came before a successful deployment.
	Past(t dora.DeploymentRecord) dora.Past
}

// ProjectionStore is the store as the Projection uses it.
type ProjectionStore interface {
	dora.Transactor
	dora.Revisions
	dora.FactLog
	// SeriesStarts calls add with when the series began whose first fact is after a position, in the order of these facts; with all
	// series, also the imported ones, if it is negative. That time does not change. Memory does not grow with the series.
	SeriesStarts(ctx context.Context, after int64, add func(dora.SeriesStart)) error
}
