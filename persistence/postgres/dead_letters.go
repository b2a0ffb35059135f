package postgres

import (
	"context"
	"errors"
	"fmt"

	"dora-exporter/persistence/sqlstore"
)

// Retry makes dead letters pending again, all of them if no ids are given, and returns how many. It works beside servers that use the
// same database, and is durable when it returns.
func Retry(ctx context.Context, url, schema string, ids ...int64) (n int64, err error) {
	config, err := parse(url)
	if err != nil {
		return 0, err
	}
	name := nameOf(config, schema)
	if err := checkSchema(ctx, config, name, schema); err != nil {
		return 0, explained(name, schema, err)
	}
	db := connect(config, 1)
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("write to %s: %w", name, err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if _, err := tx.ExecContext(ctx, "SELECT "+durable); err != nil {
		return 0, err
	}
	d := &dialect{schema: quoted(schema)}
	if n, err = sqlstore.Retry(ctx, tx, d.translate, ids); err != nil {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, d.qualify("INSERT INTO writers (id, commits, seen) VALUES ('retry', 1, "+millis+
		") ON CONFLICT (id) DO UPDATE SET commits = writers.commits + 1, seen = excluded.seen")); err != nil {
		return 0, err
	}
	return n, tx.Commit()
}
