package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// maxReadConns is how many queries may run at the same time.
const maxReadConns = 4

// Reader reads committed data from the database. It can't write.
type Reader struct {
	path       string
	db         *sql.DB
	codec      *codec
	statements *statements
	// snapshot is the transaction that all queries run in; nil if each query sees what is committed when it starts.
	snapshot *sql.Tx
}

// OpenReader opens an existing database, with or without a server that uses it at the same time. The error is a message for the
// user, with a remedy.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no database %s; name the server's configuration with -config.file", path)
	}
	r, err := newReader(path)
	if err != nil {
		return nil, err
	}
	if err := r.checkVersion(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func newReader(path string) (*Reader, error) {
	db, err := connectIn("ro", path, "query_only(1)")
	if err != nil {
		return nil, err
	}
	return readerOf(path, db)
}

// readerOf returns a reader of an open database, which it closes.
func readerOf(path string, db *sql.DB) (*Reader, error) {
	codec, err := newCodec()
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	db.SetMaxOpenConns(maxReadConns)
	db.SetMaxIdleConns(maxReadConns)
	return &Reader{path: path, db: db, codec: codec, statements: newStatements(db)}, nil
}

// checkVersion refuses a database whose schema is older than the program's.
func (r *Reader) checkVersion(ctx context.Context) error {
	version, err := schemaVersion(ctx, r.db, r.path)
	if err == nil && version < len(migrations) {
		err = fmt.Errorf("database %s has schema version %d and this program works with %d; start the server once with this version, "+
			"which brings it up to date", r.path, version, len(migrations))
	}
	return damaged(r.path, err)
}

// Path returns the path of the database, for messages.
func (r *Reader) Path() string { return r.path }

// Close closes the database.
func (r *Reader) Close() error {
	if r.db == nil {
		return nil
	}
	return errors.Join(r.statements.close(), r.db.Close())
}

// query runs a query on a reading connection and calls scan for each row.
func (r *Reader) query(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := r.rows(ctx, query, args)
	if err != nil {
		return r.damaged(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return r.damaged(err)
		}
	}
	return r.damaged(rows.Err())
}

// queryRow scans the only row of a query on a reading connection.
func (r *Reader) queryRow(ctx context.Context, query string, into ...any) error {
	return r.query(ctx, query, nil, func(rows *sql.Rows) error { return rows.Scan(into...) })
}

// rows runs a query in the snapshot, or else, prepared, on any of the connections.
func (r *Reader) rows(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if r.snapshot != nil {
		return r.snapshot.QueryContext(ctx, query, args...)
	}
	return r.statements.query(ctx, query, args)
}

// Snapshot runs f in one read transaction: its Reader sees the same data throughout, whatever a server commits meanwhile. The Snapshot
// of that Reader is the same one.
func (r *Reader) Snapshot(ctx context.Context, f func(*Reader) error) error {
	if r.snapshot != nil { // another one would see other data, and wait for a connection while it holds one
		return f(r)
	}
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("read database %s: %w", r.path, r.damaged(err))
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return f(&Reader{path: r.path, db: r.db, codec: r.codec, snapshot: tx})
}
