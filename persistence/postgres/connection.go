package postgres

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dora-exporter/persistence/sqlstore"
)

// Limits of a transaction that has the store's lock. The server ends one whose process has been stopped or cut off, so that the other
// replicas go on; such a process can't commit when it continues.
const (
	lockTimeout      = "8s"
	idleTimeout      = "5s"
	statementTimeout = "60s"
)

// connection is the connection for writing. All that its transactions need of the session is set in them, so that it may go through a
// pooler in transaction mode.
type connection struct {
	engine *engine
	conn   *sql.Conn
	// pipeline and raw are the layers below conn.
	pipeline *pipelined
	raw      *pgx.Conn
	// statements are the texts of the executed statements.
	statements map[string]bool
	// commits is the number of this process' commits that changed something.
	commits int64
	// turn is the number of the last commit of any process that changed something, as far as this connection has seen it.
	turn int64
}

// Exec executes a statement.
func (c *connection) Exec(query string, args ...any) (changed int64, err error) {
	text, args := c.engine.dialect.translate(query, args)
	c.statements[text] = true
	result, err := c.conn.ExecContext(context.Background(), text, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Query runs a query.
func (c *connection) Query(query string, args ...any) (sqlstore.Rows, error) {
	text, args := c.engine.dialect.translate(query, args)
	c.statements[text] = true
	return c.conn.QueryContext(context.Background(), text, args...) //nolint:rowserrcheck // who reads them checks it
}

// Send executes a statement together with the next one.
func (c *connection) Send(otherwise error, query string, args ...any) error {
	text, args := c.engine.dialect.translate(query, args)
	c.statements[text] = true
	return c.pipeline.queue(otherwise, text, args...)
}

// Flush executes what was sent.
func (c *connection) Flush() (changed bool, err error) { return c.pipeline.flush() }

// simple executes statements without parameters in one round trip, and returns their results.
func (c *connection) simple(statements ...string) ([]*pgconn.Result, error) {
	return c.raw.PgConn().Exec(context.Background(), strings.Join(statements, "; ")).ReadAll()
}

// settings set what a writing transaction needs.
const settings = "SELECT set_config('lock_timeout', '" + lockTimeout + "', true), set_config('statement_timeout', '" + statementTimeout + "', true), " +
	notIdle + ", " + durable

// notIdle has the server end the transaction if it does nothing for idleTimeout.
const notIdle = "set_config('idle_in_transaction_session_timeout', '" + idleTimeout + "', true)"

// durable makes a commit wait for the disk. Stronger settings stay. Whatever it is, it is set for the transaction, since the server may read
// its configuration again before the commit.
const durable = "set_config('synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'), true)"

// Begin begins a transaction that has the store's lock: all replicas change the store one after another, so that positions have no gaps
// and are visible in their order.
func (c *connection) Begin() (removed, others bool, err error) {
	c.pipeline.forget() // whether the last transaction has changed anything
	d := &c.engine.dialect
	results, err := c.simple("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", settings, "SELECT pg_advisory_xact_lock("+c.engine.lock+")",
		d.constant("SELECT CASE WHEN EXISTS (SELECT 1 FROM removed_keys) THEN 1 ELSE 0 END"),
		d.constant("SELECT coalesce(max(commits) FILTER (WHERE id = "+bytea(c.engine.id)+"), 0), coalesce(max(turn), 0) FROM writers"))
	if err == nil && len(results) != 5 {
		err = errors.New("unexpected answer to BEGIN")
	}
	if err != nil {
		_ = c.Rollback() // the first error is returned; if this one failed, too, the connection is broken
		return false, false, err
	}
	last := c.turn
	counts := results[4].Rows[0]
	if c.commits, err = strconv.ParseInt(string(counts[0]), 10, 64); err == nil {
		err = c.engine.checkCommits(c.commits)
	}
	if err == nil {
		c.turn, err = strconv.ParseInt(string(counts[1]), 10, 64)
	}
	if err != nil {
		_ = c.Rollback()
		return false, false, err
	}
	return string(results[3].Rows[0][0]) == "1", c.turn != last, nil
}

// Broken reports whether another connection is needed.
func (c *connection) Broken() bool { return c.raw.IsClosed() }

// Commit commits the transaction. If the connection breaks, it finds out on another one whether the transaction was committed.
func (c *connection) Commit(changed bool) error {
	if c.pipeline.isChecked() { // what follows must not be executed unless they are right
		if _, err := c.pipeline.flush(); err != nil {
			return err
		}
	}
	if changed {
		if err := c.pipeline.queue(nil, c.engine.dialect.constant(countCommit), []byte(c.engine.id), c.commits+1, c.turn+1); err != nil {
			return err
		}
	}
	tag, err := c.pipeline.exec(context.Background(), "COMMIT")
	c.pipeline.forget() // that countCommit has changed a row
	if err == nil && tag.String() != "COMMIT" {
		err = errors.New("the transaction was rolled back")
	}
	if err == nil && changed {
		c.turn++
		c.engine.committed.Store(c.commits + 1)
	}
	var answer *pgconn.PgError
	if err == nil || !changed || errors.As(err, &answer) && answer.Severity == "ERROR" {
		return err
	}
	_ = c.raw.Close(context.Background())
	committed, resolveErr := c.engine.wasCommitted(c.commits + 1)
	if resolveErr != nil {
		return errors.Join(err, resolveErr)
	}
	if committed { // the connection is closed: the next one reads the turn
		c.engine.committed.Store(c.commits + 1)
		return nil
	}
	return err
}

// countCommit stores the numbers of the commits of a writer and of all.
const countCommit = "INSERT INTO writers (id, commits, seen, turn) VALUES ($1, $2, " + millis + ", $3) ON CONFLICT (id) DO UPDATE " +
	"SET commits = excluded.commits, seen = excluded.seen, turn = excluded.turn"

// millis is the time of the database's clock in Unix milliseconds.
const millis = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

// wasCommitted reports whether a transaction was committed of which only the number is known. To know it, it takes the store's lock,
// which the transaction has until it has ended. It tries until the store is closed.
func (e *engine) wasCommitted(commits int64) (bool, error) {
	for {
		last, err := e.lastCommits()
		if err == nil {
			return last >= commits, nil
		}
		if errors.Is(err, errReplaced) {
			return false, err
		}
		select {
		case <-e.stopping:
			return false, err
		case <-time.After(retryInterval):
		}
	}
}

func (e *engine) lastCommits() (int64, error) {
	c, err := e.connect()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if _, _, err := c.Begin(); err != nil {
		return 0, err
	}
	return c.commits, c.Rollback()
}

// Rollback ends the transaction.
func (c *connection) Rollback() error {
	c.pipeline.forget()
	_, err := c.simple("ROLLBACK")
	return err
}

// Check returns why nothing can be written any more; nil if all can.
func (c *connection) Check() error { return c.engine.failure() }

// MakeRoom does nothing: the server frees space itself.
func (c *connection) MakeRoom() {}

// Maintain does nothing: the server does.
func (c *connection) Maintain() error { return nil }

// ReleaseMemory does nothing: the server has the caches.
func (c *connection) ReleaseMemory() error { return nil }

// Statements returns the texts of the executed statements.
func (c *connection) Statements() []string { return slices.Collect(maps.Keys(c.statements)) }

// Close closes the connection.
func (c *connection) Close() error {
	err := c.conn.Close()
	if errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}
