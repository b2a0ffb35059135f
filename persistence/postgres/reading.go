package postgres

import (
	"context"
	"database/sql"

	"dora-exporter/persistence/sqlstore"
)

// connections are the connections for reading. The driver keeps statements prepared.
type connections struct {
	db      *sql.DB
	dialect *dialect
}

// Query runs a query.
func (c connections) Query(ctx context.Context, query string, args []any) (sqlstore.Rows, error) {
	text, args := c.dialect.translate(query, args)
	return c.db.QueryContext(ctx, text, args...) //nolint:rowserrcheck // who reads them checks it
}

// Begin begins a transaction for reading.
func (c connections) Begin(ctx context.Context) (sqlstore.Snapshot, error) {
	tx, err := c.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, readSettings); err != nil {
		_ = tx.Rollback() // nothing was written
		return nil, err
	}
	return snapshot{ctx, tx, c.dialect}, nil
}

// State returns how many connections are used.
func (c connections) State() sqlstore.Pool { return poolOf(c.db) }

// Statements returns nil: the driver has them.
func (c connections) Statements() []string { return nil }

// CloseIdle closes the connections that nobody uses.
func (c connections) CloseIdle() {
	c.db.SetMaxIdleConns(0)
	c.db.SetMaxIdleConns(c.db.Stats().MaxOpenConnections)
}

// Close closes the connections.
func (c connections) Close() error { return c.db.Close() }

// snapshot is a transaction for reading, and its context.
type snapshot struct {
	ctx     context.Context //nolint:containedctx // a transaction of database/sql ends with the context of its beginning, too
	tx      *sql.Tx
	dialect *dialect
}

// Query runs a query in the transaction.
func (s snapshot) Query(query string, args []any) (sqlstore.Rows, error) {
	text, args := s.dialect.translate(query, args)
	return s.tx.QueryContext(s.ctx, text, args...) //nolint:rowserrcheck // who reads them checks it
}

// Close ends the transaction.
func (s snapshot) Close() error { return s.tx.Rollback() }

func poolOf(db *sql.DB) sqlstore.Pool {
	s := db.Stats()
	return sqlstore.Pool{Used: s.InUse, Idle: s.Idle, Limit: s.MaxOpenConnections, Waits: s.WaitCount, Waited: s.WaitDuration}
}
