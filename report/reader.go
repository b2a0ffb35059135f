package report

import (
	"context"
	"time"

	"dora-exporter/dora"
)

// Reader is what a report reads from the store.
type Reader interface {
	// Records returns all deployments and incidents, and calls each for every fact of the families in the order of their
	// positions, all as of one moment.
	Records(ctx context.Context, each func(dora.Fact), families ...string) (dora.Records, error)
	// Counted returns the successes in production since a time with what was counted of them, in the order of time: those of
	// the first teams by name, and of them the newest, up to a limit. It takes the same time however long the history is.
	Counted(ctx context.Context, since time.Time, teams, limit int) (dora.Counted, error)
}
