package sqlite

import (
	"context"
	"errors"

	"dora-exporter/persistence/sqlstore"
)

// Retry makes dead letters pending again, all of them if no ids are given, and returns how many. It works on the database at path,
// with or without a server that uses it at the same time, and is durable when it returns.
func Retry(ctx context.Context, path string, ids ...int64) (n int64, err error) {
	err = writeBeside(ctx, path, func(exec sqlstore.Exec) error {
		n, err = sqlstore.Retry(exec, ids)
		return err
	})
	return n, err
}

// SaveBackfillPart adds or replaces the state of a part of a backfill likewise.
func SaveBackfillPart(ctx context.Context, path, name string, state any) error {
	return writeBeside(ctx, path, func(exec sqlstore.Exec) error { return sqlstore.SaveBackfillPart(exec, name, state) })
}

// writeBeside runs f in a transaction, beside a server or without one.
func writeBeside(ctx context.Context, path string, f func(sqlstore.Exec) error) (err error) {
	r, err := OpenReader(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	c, err := connect(ctx, path, "rw", "synchronous = FULL")
	if err != nil {
		return err
	}
	c.attach(ctx)
	defer func() { err = errors.Join(err, c.Close()) }()
	err = c.inTransaction(func() error {
		return f(func(query string, args ...any) (int64, error) { return c.execRows(query, args) })
	})
	return damaged(path, err)
}
