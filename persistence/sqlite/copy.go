package sqlite

import (
	"context"
	"errors"
	"strings"

	"dora-exporter/internal/localfile"
	"dora-exporter/persistence/sqlstore"
)

// Create makes a new database at path, with the records that fill copies into it. The file appears only when all of it is on the disk.
func Create(ctx context.Context, path string, fill func(sqlstore.Target) error) error {
	return writeNew(path, func(partial string) error {
		if err := localfile.CreateDatabase(partial); err != nil {
			return err
		}
		if err := prepare(ctx, partial); err != nil {
			return err
		}
		return fillDatabase(ctx, partial, fill)
	})
}

func fillDatabase(ctx context.Context, path string, fill func(sqlstore.Target) error) (err error) {
	c, err := connect(ctx, path, "rw", "synchronous = OFF") // the file is synced at the end
	if err != nil {
		return err
	}
	c.attach(ctx)
	defer func() { err = errors.Join(err, c.Close()) }() // which empties the write-ahead log
	return c.inTransaction(func() error {
		if err := c.exec("DELETE FROM meta"); err != nil {
			return err
		}
		if err := fill(target{c}); err != nil {
			return err
		}
		return setSequence(c)
	})
}

// setSequence makes the ids of new deliveries follow those that were copied, or removed before.
func setSequence(c *conn) error {
	if err := c.exec("DELETE FROM sqlite_sequence WHERE name = 'deliveries'"); err != nil {
		return err
	}
	return c.exec("INSERT INTO sqlite_sequence (name, seq) SELECT 'deliveries', (" + sqlstore.LastDelivery + ")")
}

// target is a transaction that rows are copied in.
type target struct{ conn *conn }

// Insert adds rows to a table.
func (t target) Insert(_ context.Context, table sqlstore.Table, rows [][]any) error {
	names, marks := make([]string, len(table.Columns)), make([]string, len(table.Columns))
	for i, c := range table.Columns {
		names[i], marks[i] = c.Name, "?"
	}
	statement := "INSERT INTO " + table.Name + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
	for _, values := range rows {
		args := make([]any, len(values))
		for i, v := range values {
			if text, ok := v.([]byte); ok && table.Columns[i].Text {
				v = string(text)
			}
			args[i] = v
		}
		if err := t.conn.exec(statement, args...); err != nil {
			return err
		}
	}
	return nil
}

// EachRow calls f with all rows of a table.
func (t target) EachRow(_ context.Context, table sqlstore.Table, f func(values []any) error) error {
	rows, err := t.conn.query(table.Select(), nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		values, err := sqlstore.ScanRow(rows, len(table.Columns))
		if err == nil {
			err = f(values)
		}
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

// OpenStopped opens a database for reading, which no server may use until release is called.
func OpenStopped(ctx context.Context, path string) (r *Reader, release func() error, err error) {
	path = localfile.Resolve(path)
	if r, err = OpenReader(ctx, path); err != nil {
		return nil, nil, err
	}
	lock, err := localfile.TakeLock(path+".lock", "database", "storage.database")
	if err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return r, func() error { return errors.Join(r.Close(), lock.Release()) }, nil
}
