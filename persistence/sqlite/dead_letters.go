package sqlite

import (
	"context"
	"errors"
	"fmt"

	"dora-exporter/persistence/sqlstore"
)

// Retry makes dead letters pending again, all of them if no ids are given, and returns how many. It works on the database at path,
// with or without a server that uses it at the same time, and is durable when it returns.
func Retry(ctx context.Context, path string, ids ...int64) (n int64, err error) {
	r, err := OpenReader(ctx, path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	db, err := connect(path, "synchronous(FULL)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("write to database %s: %w", path, damaged(path, err))
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if n, err = sqlstore.Retry(ctx, tx, nil, ids); err != nil {
		return 0, damaged(path, err)
	}
	return n, tx.Commit()
}
