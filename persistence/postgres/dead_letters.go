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
	err = writeBeside(ctx, url, schema, func(tx *sql.Tx, d *dialect) error {
		n, err = sqlstore.Retry(ctx, tx, d.translate, ids)
		return err
	})
	return n, err
}

// SaveBackfillPart adds or replaces the state of a part of a backfill likewise.
func SaveBackfillPart(ctx context.Context, url, schema, name string, state any) error {
	return writeBeside(ctx, url, schema, func(tx *sql.Tx, d *dialect) error {
		return sqlstore.SaveBackfillPart(ctx, tx, d.translate, name, state)
	})
}

// writeBeside runs f in a transaction, beside servers that use the same database, and tells them that something has changed.
func writeBeside(ctx context.Context, url, schema string, f func(*sql.Tx, *dialect) error) (err error) {
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
	if err := f(tx, d); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, d.qualify("INSERT INTO writers (id, commits, seen) VALUES ('retry', 1, "+millis+
		") ON CONFLICT (id) DO UPDATE SET commits = writers.commits + 1, seen = excluded.seen")); err != nil {
		return err
	}
	return tx.Commit()
}
