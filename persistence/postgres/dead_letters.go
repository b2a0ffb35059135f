package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"dora-exporter/persistence/sqlstore"
)

// Retry makes dead letters pending again, all of them if no ids are given, and returns how many. It works beside servers that use the
// same database, and is durable when it returns.
func Retry(ctx context.Context, url, schema string, ids ...int64) (n int64, err error) {
	err = writeBeside(ctx, url, schema, func(exec sqlstore.Exec) error {
		n, err = sqlstore.Retry(exec, ids)
		return err
	})
	return n, err
}

// SaveBackfillPart adds or replaces the state of a part of a backfill likewise.
func SaveBackfillPart(ctx context.Context, url, schema, name string, state any) error {
	return writeBeside(ctx, url, schema, func(exec sqlstore.Exec) error { return sqlstore.SaveBackfillPart(exec, name, state) })
}

// writeBeside runs f in a transaction, beside servers that use the same database, and tells them that something has changed.
func writeBeside(ctx context.Context, url, schema string, f func(sqlstore.Exec) error) (err error) {
	config, err := parse(url)
	if err != nil {
		return err
	}
	name := nameOf(config, schema)
	if err := checkSchema(ctx, config, name, schema); err != nil {
		return explained(name, schema, err)
	}
	db := connect(config, 1)
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return fmt.Errorf("write to %s: %w", name, err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if _, err := tx.ExecContext(ctx, "SELECT "+notIdle+", "+durable); err != nil {
		return err
	}
	d := &dialect{schema: quoted(schema)}
	exec := func(query string, args ...any) (int64, error) {
		query, args = d.translate(query, args)
		result, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	}
	if err := f(exec); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, d.qualify("INSERT INTO writers (id, commits, seen) VALUES ('retry', 1, "+millis+
		") ON CONFLICT (id) DO UPDATE SET commits = writers.commits + 1, seen = excluded.seen")); err != nil {
		return err
	}
	return tx.Commit()
}
