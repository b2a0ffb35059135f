package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// WaitingEvaluations counts the pending evaluations.
type WaitingEvaluations struct {
	// Waiting counts all, including those that still wait for late or out-of-order events (deployments.settle).
	Waiting int
	// Due counts those for which that time is over: they fail, wait for another that fails or for deliveries that
	// nobody has tried to process, or are about to be made.
	Due int
	// Oldest is when the oldest of them became due, by the store's clock; zero if none is due.
	Oldest time.Time
}

// WaitingEvaluations counts the pending evaluations at a time of the store's clock.
func (r *Reader) WaitingEvaluations(ctx context.Context, now time.Time) (WaitingEvaluations, error) {
	var e WaitingEvaluations
	var oldest sql.NullInt64
	err := r.query(ctx, "SELECT count(*), count(CASE WHEN ripe <= ?1 THEN 1 END), min(CASE WHEN ripe <= ?1 THEN ripe END) FROM evaluations INDEXED BY evaluations_scope",
		[]any{now.UnixMilli()}, func(rows Rows) error { return rows.Scan(&e.Waiting, &e.Due, &oldest) })
	if err != nil {
		return WaitingEvaluations{}, fmt.Errorf("count the pending evaluations: %w", err)
	}
	if oldest.Valid {
		e.Oldest = fromMillis(oldest.Int64)
	}
	return e, nil
}
