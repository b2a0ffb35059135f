package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"dora-exporter/persistence/sqlstore"
)

// Retry makes dead letters pending again, all of them if no ids are given, and returns how many. It works on the database at path,
// with or without a server that uses it at the same time, and is durable when it returns.
func Retry(ctx context.Context, path string, ids ...int64) (n int64, err error) {
	err = writeBeside(ctx, path, func(tx *sql.Tx) error {
		n, err = sqlstore.Retry(ctx, tx, nil, ids)
		return err
	})
	return n, err
}

// SaveBackfillPart adds or replaces the state of a part of a backfill likewise.
func SaveBackfillPart(ctx context.Context, path, name string, state any) error {
	return writeBeside(ctx, path, func(tx *sql.Tx) error { return sqlstore.SaveBackfillPart(ctx, tx, nil, name, state) })
}

// writeBeside runs f in a transaction, beside a server or without one.
func writeBeside(ctx context.Context, path string, f func(*sql.Tx) error) (err error) {
	r, err := OpenReader(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	db, err := connect(path, "synchronous(FULL)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write to database %s: %w", path, damaged(path, err))
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := f(tx); err != nil {
		return damaged(path, err)
	}
	return tx.Commit()
}
