package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Database is the database that holds the records of a store.
type Database struct {
	// Name names the database in messages.
	Name string
	// Connections are those for reading.
	Connections Connections
	// Damaged converts the engine's error about a damaged database into a *CorruptError, and may add a remedy to others.
	Damaged func(error) error
}

// Connections are the connections for reading. Many goroutines may use them at the same time. Queries are written for SQLite.
type Connections interface {
	// Query runs a query that sees what is committed when it starts.
	Query(ctx context.Context, query string, args []any) (Rows, error)
	// Begin begins a transaction that sees the same data throughout. ctx ends its queries, Close the transaction.
	Begin(ctx context.Context) (Snapshot, error)
	// State returns how many are used.
	State() Pool
	// Statements returns the texts of the queries that were run, but for those of snapshots, as far as they are known.
	Statements() []string
	// CloseIdle closes those that nobody uses, and so releases their caches. Others are opened when they are needed.
	CloseIdle()
	Close() error
}

// Snapshot is a transaction for reading, of one goroutine.
type Snapshot interface {
	Query(query string, args []any) (Rows, error)
	Close() error
}

// Reader reads committed data from the database. It can't write.
type Reader struct {
	path        string
	connections Connections
	damaged     func(error) error
	codec       *codec
	// snapshot is the transaction that all queries run in; nil if each query sees what is committed when it starts.
	snapshot Snapshot
	// tx is the writer's transaction that all queries run in, or nil.
	tx *tx
}

// NewReader returns a reader of a database, whose connections it closes.
func NewReader(d Database) (*Reader, error) {
	codec, err := newCodec()
	if err != nil {
		return nil, errors.Join(err, d.Connections.Close())
	}
	return &Reader{path: d.Name, connections: d.Connections, damaged: d.Damaged, codec: codec}, nil
}

// Path returns the name of the database, for messages.
func (r *Reader) Path() string { return r.path }

// Connections returns the state of the connections for reading.
func (r *Reader) Connections() Pool { return r.connections.State() }

// Pool is the state of a pool of connections.
type Pool struct {
	// Used and Idle are the numbers of connections, Limit how many there may be.
	Used, Idle, Limit int
	// Waits is how often a query had to wait for a connection, Waited for how long all together.
	Waits  int64
	Waited time.Duration
}

// Close closes the database.
func (r *Reader) Close() error { return r.connections.Close() }

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

// rows runs a query in the snapshot, or else on any of the connections.
func (r *Reader) rows(ctx context.Context, query string, args []any) (Rows, error) {
	if r.snapshot != nil {
		return r.snapshot.Query(query, args)
	}
	return r.connections.Query(ctx, query, args)
}

// Snapshot runs f in one read transaction: its Reader sees the same data throughout, whatever a server commits meanwhile. The Snapshot
// of that Reader is the same one.
func (r *Reader) Snapshot(ctx context.Context, f func(*Reader) error) error {
	if r.snapshot != nil || r.tx != nil { // another one would see other data, and wait for a connection while it holds one
		return f(r)
	}
	snapshot, err := r.connections.Begin(ctx)
	if err != nil {
		return fmt.Errorf("read database %s: %w", r.path, r.damaged(err))
	}
	defer snapshot.Close()
	inside := *r
	inside.snapshot = snapshot
	return f(&inside)
}

// reader returns a Reader that sees what the transaction sees.
func (t *tx) reader() *Reader {
	inside := *t.writer.reader
	inside.tx = t
	return &inside
}
