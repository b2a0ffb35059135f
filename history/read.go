package history

import (
	"context"
	"slices"

	"dora-exporter/dora"
)

// PartReader reads the states of the parts of backfills, as dora.BackfillTx.
type PartReader interface {
	BackfillPart(ctx context.Context, name string, into any) (bool, error)
}

// IsRead reports whether the history of a commit's repository was read: what a backfill brings then answers questions about its commits.
func IsRead(ctx context.Context, store PartReader, c dora.Commit) (bool, error) {
	var p part
	known, err := store.BackfillPart(ctx, dora.ArchivePart(c.Host, c.Owner, c.Repository), &p)
	return known && (p.HistoryRead || p.Done), err
}

// takeAwaited moves the first of the targets for which something waits to the front.
func (b *Backfill) takeAwaited(left []target) {
	if b.IsAwaited == nil {
		return
	}
	if i := slices.IndexFunc(left, func(t target) bool { return b.IsAwaited(t.Name) }); i > 0 {
		awaited := left[i]
		copy(left[1:i+1], left[:i])
		left[0] = awaited
	}
}
