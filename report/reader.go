package report

import (
	"context"

	"dora-exporter/dora"
)

// Reader reads the store for a report.
type Reader interface {
	// StoredDays calls f with the days of one moment.
	StoredDays(ctx context.Context, f func(dora.StoredDays) error) error
	// Records returns all deployments and incidents, and calls each for every fact of the families in the order of their
	// positions, all as of one moment.
	Records(ctx context.Context, each func(dora.Fact), families ...string) (dora.Records, error)
}
