package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// WaitingEvaluations is what waits for its evaluation.
type WaitingEvaluations struct {
	// Waiting counts all, those included whose neighbours still have the time to arrive (deployments.settle).
	Waiting int
	// Due counts those whose neighbours have had that time: they fail, or wait for one that fails, or are about to be made.
	Due int
	// Oldest is since when the oldest of them has been due, by the store's clock; zero if none is.
	Oldest time.Time
}

// WaitingEvaluations counts what waits for its evaluation at a time of the store's clock.
func (r *Reader) WaitingEvaluations(ctx context.Context, now time.Time) (WaitingEvaluations, error) {
	var e WaitingEvaluations
	var oldest sql.NullInt64
	err := r.query(ctx, `SELECT (SELECT count(*) FROM evaluations), (SELECT count(*) FROM evaluations INDEXED BY evaluations_ripe WHERE ripe <= ?1),
		(SELECT ripe FROM evaluations INDEXED BY evaluations_ripe WHERE ripe <= ?1 ORDER BY ripe LIMIT 1)`, []any{now.UnixMilli()},
		func(rows *sql.Rows) error { return rows.Scan(&e.Waiting, &e.Due, &oldest) })
	if err != nil {
		return WaitingEvaluations{}, fmt.Errorf("count what waits for its evaluation: %w", err)
	}
	if oldest.Valid {
		e.Oldest = fromMillis(oldest.Int64)
	}
	return e, nil
}
