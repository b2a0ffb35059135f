package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"dora-exporter/persistence/sqlstore"
)

// Create copies records into a schema, with fill, which must have none. The schema is created if it is missing. All is one transaction. The
// error is a message for the user, with a remedy and without the password.
func Create(ctx context.Context, url, schema string, fill func(sqlstore.Target) error) error {
	config, err := parse(url)
	if err != nil {
		return err
	}
	name := nameOf(config, schema)
	if err := prepareSchema(ctx, config, name, schema, slog.New(slog.DiscardHandler)); err != nil {
		return explained(name, schema, err)
	}
	return withConn(ctx, config, name, func(conn *pgx.Conn) error {
		tx, err := conn.BeginTx(ctx, writing)
		if err != nil {
			return err
		}
		defer tx.Rollback(ctx) //nolint:errcheck // after a commit there is nothing to roll back
		t := target{tx, &dialect{schema: quoted(schema)}, schema}
		if err := t.lock(ctx); err != nil {
			return err
		}
		if err := t.checkEmpty(ctx, name); err != nil {
			return err
		}
		if err := fill(t); err != nil {
			return err
		}
		if err := t.setSequences(ctx); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
}

// target is a transaction that rows are copied in.
type target struct {
	tx      pgx.Tx
	dialect *dialect
	schema  string
}

// lock keeps others from writing until the end of the transaction, which is durable.
func (t target) lock(ctx context.Context) error {
	_, err := t.tx.Exec(ctx, "SELECT pg_advisory_xact_lock("+lockKey(t.schema)+"), "+limited("idle_in_transaction_session_timeout")+", "+durable)
	return err
}

// checkUnused fails if a server has used the schema in the last seconds.
func checkUnused(ctx context.Context, tx pgx.Tx, d *dialect, name string) error {
	var used bool
	err := tx.QueryRow(ctx, d.qualify("SELECT EXISTS (SELECT 1 FROM clock WHERE abs("+millis+" - wall) < "+
		strconv.FormatInt(unattendedAfter.Milliseconds(), 10)+")")).Scan(&used)
	if err == nil && used {
		err = fmt.Errorf("a dora-exporter is running with %s; stop all replicas, and wait %s", name, unattendedAfter)
	}
	return err
}

// checkEmpty fails if there are records or a server uses the schema, and removes what a database has from the beginning.
func (t target) checkEmpty(ctx context.Context, name string) error {
	for _, table := range sqlstore.Tables() {
		if table.Name == "meta" || table.Name == "clock" {
			continue
		}
		var has bool
		if err := t.tx.QueryRow(ctx, t.dialect.qualify("SELECT EXISTS (SELECT 1 FROM "+table.Name+")")).Scan(&has); err != nil {
			return err
		}
		if has {
			return fmt.Errorf("%s has records (table %s); name another schema with -schema, or let its owner drop this one", name, table.Name)
		}
	}
	if err := checkUnused(ctx, t.tx, t.dialect, name); err != nil {
		return err
	}
	_, err := t.tx.Exec(ctx, t.dialect.qualify("DELETE FROM clock; DELETE FROM meta WHERE key <> "+bytea(versionKey)))
	return err
}

// Insert adds rows to a table.
func (t target) Insert(ctx context.Context, table sqlstore.Table, rows [][]any) error {
	names := make([]string, len(table.Columns))
	for i, c := range table.Columns {
		names[i] = c.Name
	}
	_, err := t.tx.CopyFrom(ctx, pgx.Identifier{t.schema, table.Name}, names, pgx.CopyFromRows(rows))
	return err
}

// EachRow calls f with all rows of a table.
func (t target) EachRow(ctx context.Context, table sqlstore.Table, f func(values []any) error) error {
	rows, err := t.tx.Query(ctx, t.dialect.qualify(table.Select()))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err == nil {
			err = f(values)
		}
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

// setSequences makes new ids follow those that were copied, and those of deliveries also what was removed before.
func (t target) setSequences(ctx context.Context) error {
	for _, table := range sqlstore.Tables() {
		name := quoted(t.schema) + "." + table.Name
		var sequence *string
		if !strings.Contains(table.Select(), "SELECT id,") {
			continue
		}
		if err := t.tx.QueryRow(ctx, "SELECT pg_get_serial_sequence($1, 'id')", name).Scan(&sequence); err != nil {
			return err
		}
		if sequence == nil {
			continue
		}
		last := "SELECT coalesce(max(id), 0) FROM " + name
		if table.Name == "deliveries" {
			last = t.dialect.qualify(sqlstore.LastDelivery)
		}
		if _, err := t.tx.Exec(ctx, "SELECT setval($1::regclass, ("+last+") + 1, false)", *sequence); err != nil {
			return err
		}
	}
	return nil
}

// OpenStopped opens a database for reading, unless a server uses it.
func OpenStopped(ctx context.Context, url, schema string) (*sqlstore.Reader, error) {
	r, err := OpenReader(ctx, url, schema)
	if err != nil {
		return nil, err
	}
	config, err := parse(url)
	if err == nil {
		name := nameOf(config, schema)
		err = withConn(ctx, config, name, func(conn *pgx.Conn) error {
			return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return checkUnused(ctx, tx, &dialect{schema: quoted(schema)}, name) })
		})
	}
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}
