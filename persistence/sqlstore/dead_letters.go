package sqlstore

import (
	"context"
	"fmt"
	"time"
)

// DeadLetter is a delivery that can't be processed.
type DeadLetter struct {
	// ID is the id of the delivery's row.
	ID       int64
	Source   string
	Key      string
	Received time.Time
	Attempts int
	// Why is the error of the last attempt.
	Why string
}

// DeadLetters returns all dead letters, the oldest first.
func (r *Reader) DeadLetters(ctx context.Context) ([]DeadLetter, error) {
	return readAll(ctx, r, "the dead letters", "SELECT id, source, "+wholeText+", received, attempts, error FROM deliveries WHERE state = 2 ORDER BY id", nil,
		func(rows Rows) (d DeadLetter, err error) {
			var received int64
			err = rows.Scan(&d.ID, &d.Source, &d.Key, &received, &d.Attempts, &d.Why)
			d.Received = fromMillis(received)
			return d, err
		})
}

// Exec executes a statement that is written for SQLite, in a transaction, and returns how many rows it changed.
type Exec func(query string, args ...any) (int64, error)

// Retry makes dead letters pending again in a transaction, all of them if no ids are given, and returns how many.
func Retry(exec Exec, ids []int64) (int64, error) {
	const update = "UPDATE deliveries SET state = 0, due = 0, waiting_since = NULL, attempts = 0, store_failures = 0 WHERE state = 2"
	if len(ids) == 0 {
		return retried(exec(update))
	}
	var all int64
	for _, id := range ids {
		n, err := retried(exec(update+" AND id = ?", id))
		if err == nil && n == 0 {
			err = fmt.Errorf("delivery %d is not a dead letter; nothing was changed", id)
		}
		if err != nil {
			return 0, err
		}
		all += n
	}
	return all, nil
}

func retried(rows int64, err error) (int64, error) {
	if err != nil {
		return 0, fmt.Errorf("retry dead letters: %w", err)
	}
	return rows, nil
}
