package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Database is the database that holds the records of a store.
type Database struct {
	// Name names the database in messages.
	Name string
	// DB has connections for reading.
	DB *sql.DB
	// Damaged converts the engine's error about a damaged database into a *CorruptError, and may add a remedy to others.
	Damaged func(error) error
	// Translate returns the text and the parameters of a query as the engine understands them; nil if it understands SQLite's.
	Translate func(query string, args []any) (string, []any)
	// Snapshot are the options of a transaction that sees the same data throughout.
	Snapshot sql.TxOptions
	// Settings is a statement at the beginning of that transaction; empty for none.
	Settings string
}

// Reader reads committed data from the database. It can't write.
type Reader struct {
	path       string
	db         *sql.DB
	database   Database
	damaged    func(error) error
	codec      *codec
	statements *statements
	// snapshot is the transaction that all queries run in; nil if each query sees what is committed when it starts.
	snapshot *sql.Tx
	// tx is the writer's transaction that all queries run in, or nil.
	tx *tx
}

// NewReader returns a reader of a database, whose connections it closes.
func NewReader(d Database) (*Reader, error) {
	codec, err := newCodec()
	if err != nil {
		return nil, errors.Join(err, d.DB.Close())
	}
	return &Reader{path: d.Name, db: d.DB, database: d, damaged: d.Damaged, codec: codec, statements: newStatements(d.DB)}, nil
}

// Path returns the name of the database, for messages.
func (r *Reader) Path() string { return r.path }

// Connections returns the state of the connections for reading.
func (r *Reader) Connections() Pool { return PoolOf(r.db) }

// Pool is the state of a pool of connections.
type Pool struct {
	// Used and Idle are the numbers of connections, Limit how many there may be.
	Used, Idle, Limit int
	// Waits is how often a query had to wait for a connection, Waited for how long all together.
	Waits  int64
	Waited time.Duration
}

// PoolOf returns the state of a pool.
func PoolOf(db *sql.DB) Pool {
	s := db.Stats()
	return Pool{Used: s.InUse, Idle: s.Idle, Limit: s.MaxOpenConnections, Waits: s.WaitCount, Waited: s.WaitDuration}
}

// Close closes the database.
func (r *Reader) Close() error {
	return errors.Join(r.statements.close(), r.db.Close())
}

// query runs a query on a reading connection and calls scan for each row.
func (r *Reader) query(ctx context.Context, query string, args []any, scan func(Rows) error) error {
	if r.tx != nil {
		return r.tx.query(query, args, scan)
	}
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
	return r.query(ctx, query, nil, func(rows Rows) error { return rows.Scan(into...) })
}

// rows runs a query in the snapshot, or else on any of the connections. It stays prepared.
func (r *Reader) rows(ctx context.Context, query string, args []any) (Rows, error) {
	if r.database.Translate != nil { // whose driver keeps statements prepared
		query, args = r.database.Translate(query, args)
		if r.snapshot == nil {
			return r.db.QueryContext(ctx, query, args...)
		}
		return r.snapshot.QueryContext(ctx, query, args...)
	}
	return r.statements.query(ctx, query, args)
}

// Snapshot runs f in one read transaction: its Reader sees the same data throughout, whatever a server commits meanwhile. The Snapshot
// of that Reader is the same one.
func (r *Reader) Snapshot(ctx context.Context, f func(*Reader) error) error {
	if r.snapshot != nil || r.tx != nil { // another one would see other data, and wait for a connection while it holds one
		return f(r)
	}
	tx, err := r.db.BeginTx(ctx, &r.database.Snapshot)
	if err != nil {
		return fmt.Errorf("read database %s: %w", r.path, r.damaged(err))
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	if r.database.Settings != "" {
		if _, err := tx.ExecContext(ctx, r.database.Settings); err != nil {
			return fmt.Errorf("read database %s: %w", r.path, r.damaged(err))
		}
	}
	prepared := newStatements(tx)
	defer prepared.close()
	return f(&Reader{path: r.path, db: r.db, database: r.database, damaged: r.damaged, codec: r.codec, statements: prepared, snapshot: tx})
}

// reader returns a Reader that sees what the transaction sees.
func (t *tx) reader() *Reader {
	r := t.writer.reader
	return &Reader{path: r.path, db: r.db, database: r.database, damaged: r.damaged, codec: r.codec, tx: t}
}
