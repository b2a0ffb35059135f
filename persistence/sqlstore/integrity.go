package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dora-exporter/dora"
)

// checkBatch is how many facts are checked at once.
const checkBatch = 1000

// CheckRecords looks for damage in all records: for checksum mismatches and missing facts. It rests between two parts of the work, at least
// for a time.
func (r *Reader) CheckRecords(ctx context.Context, least time.Duration) error {
	if err := r.checkRows(ctx, least); err != nil {
		return err
	}
	for _, check := range []func(*Reader, context.Context) error{(*Reader).checkRemoval, (*Reader).checkSums} {
		began := time.Now()
		if err := errors.Join(r.Snapshot(ctx, func(r *Reader) error { return check(r, ctx) }), Rest(ctx, began, least)); err != nil {
			return err
		}
	}
	return r.checkFacts(ctx, least)
}

// CheckAtStart looks for damage in the records of a small database that nobody uses yet.
func CheckAtStart(ctx context.Context, d Database) error {
	r := &Reader{path: d.Name, connections: d.Connections, damaged: d.Damaged}
	err := r.Snapshot(ctx, func(r *Reader) error {
		if err := r.checkRemoval(ctx); err != nil {
			return err
		}
		return r.countFacts(ctx)
	})
	if err != nil {
		return err
	}
	return r.checkRows(ctx, 0)
}

// checkFacts reads all facts. Some may be removed meanwhile.
func (r *Reader) checkFacts(ctx context.Context, least time.Duration) error {
	for position := int64(0); ; {
		began := time.Now()
		facts, err := r.Facts(ctx, position, checkBatch)
		var removed *dora.RemovedError
		if errors.As(err, &removed) {
			position = removed.Position
			continue
		}
		if err != nil || len(facts) == 0 {
			return err
		}
		position = facts[len(facts)-1].Position
		if err := Rest(ctx, began, least); err != nil {
			return err
		}
	}
}

// countFacts returns an error if facts are missing that were not removed.
func (r *Reader) countFacts(ctx context.Context) error {
	var facts, last, removed int64
	err := r.queryRow(ctx, "SELECT count(*), coalesce(max(position), 0), coalesce((SELECT position FROM removal), 0) FROM facts", &facts, &last, &removed)
	if err != nil {
		return fmt.Errorf("count the facts in database %s: %w", r.path, err)
	}
	if facts == last-removed {
		return nil
	}
	what := fmt.Sprintf("it has %d facts and the last one's position is %d", facts, last)
	if removed > 0 {
		what += fmt.Sprintf(", after %d that were removed", removed)
	}
	return &CorruptError{Path: r.path, What: what}
}

// Rest waits as long as a part of work took that began at a time, so that the work takes half of a processor at most. It waits at least for
// a time; if that is 0, not at all.
func Rest(ctx context.Context, began time.Time, least time.Duration) error {
	if least == 0 {
		return ctx.Err()
	}
	return Pause(ctx, max(least, time.Since(began)))
}

// Pause waits for d, or until ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
