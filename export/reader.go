package export

import (
	"context"
	"time"

	"dora-exporter/dora"
)

// Reader reads what an export is made of.
type Reader interface {
	// StoreCreated returns when the store was created: the live series begin after it.
	StoreCreated(ctx context.Context) (time.Time, error)
	// HistorySeries returns the series of a family in History that have facts, in a fixed order.
	HistorySeries(ctx context.Context, family string) ([]dora.HistorySeries, error)
	// HistoryFacts calls add for the facts of a series of HistorySeries in the order of their times, then of their numbers, then of their
	// positions. add must not use the Reader.
	HistoryFacts(ctx context.Context, family string, labels dora.Labels, add func(dora.Fact) error) error
	// EachIncident calls add for each incident with its events, in a fixed order. add must not use the Reader.
	EachIncident(ctx context.Context, add func(dora.Incident) error) error
	// Environments returns the environments that counted deployments have gone to.
	Environments(ctx context.Context, limit int) ([]dora.Environment, error)
	// Baselines returns all imported baselines.
	Baselines(ctx context.Context) ([]dora.Baseline, error)
	// Removal returns how much of the history has been removed.
	Removal(ctx context.Context) (dora.Removal, error)
	// CountEvaluations returns the number of pending evaluations.
	CountEvaluations(ctx context.Context) (int, error)
}
