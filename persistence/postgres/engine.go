package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"dora-exporter/persistence/sqlstore"
)

// retryInterval is the time between two attempts to connect.
const retryInterval = 200 * time.Millisecond

// inboxSuffix distinguishes the inbox of a process from its writer.
const inboxSuffix = "/inbox"

// engine is the sqlstore.Engine of a PostgreSQL database, and its sqlstore.Inbox.
type engine struct {
	name    string
	schema  string
	dialect dialect
	// db has the connections for writing: of the writer and of the inbox.
	db     *sql.DB
	logger *slog.Logger
	// id names this process, inboxID its inbox, in the table writers.
	id, inboxID string
	// lock is the key of the store's advisory lock.
	lock string

	// committed is the number of this process' commits that are known to be durable.
	committed atomic.Int64
	// inboxCommitted is the same for the inbox.
	inboxCommitted atomic.Int64
	// isShared is true if another process used the store at the last poll.
	isShared atomic.Bool
	history  history
	clock    serverClock
	inbox    inboxConnection

	// stopping is closed when the store is being closed, closing ends with it.
	stopping chan struct{}
	closing  context.Context //nolint:containedctx // it ends with the engine
	cancel   context.CancelFunc

	mu sync.Mutex
	// attempted is when the last attempt to connect failed.
	attempted time.Time
	// fatal is why this process must not go on; failed is closed with it.
	fatal  error
	failed chan struct{}
}

func newEngine(name, schema string, db *sql.DB, logger *slog.Logger) *engine {
	id := uuid.NewString()
	e := &engine{
		name: name, schema: schema, dialect: dialect{schema: quoted(schema)}, db: db, logger: logger, id: id, inboxID: id + inboxSuffix,
		lock: lockKey(schema), failed: make(chan struct{}), stopping: make(chan struct{}),
	}
	e.closing, e.cancel = context.WithCancel(context.Background())
	return e
}

// Name returns the name of this process.
func (e *engine) Name() string { return e.id }

// Connect opens a connection for writing.
func (e *engine) Connect() (sqlstore.Connection, error) {
	e.mu.Lock()
	pause := time.Until(e.attempted.Add(retryInterval))
	e.mu.Unlock()
	if err := e.wait(pause); err != nil {
		return nil, err
	}
	c, err := e.connect()
	if err != nil {
		e.mu.Lock()
		e.attempted = time.Now()
		e.mu.Unlock()
		return nil, err
	}
	return c, nil
}

// connect opens a connection and checks that the database is still the same.
func (e *engine) connect() (*connection, error) {
	if err := e.failure(); err != nil {
		return nil, err
	}
	conn, err := e.db.Conn(e.closing)
	if err != nil {
		return nil, err
	}
	pipeline, err := pipelinedConn(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c := &connection{engine: e, conn: conn, pipeline: pipeline, raw: pipeline.Conn.Conn(), statements: map[string]bool{}}
	if err := e.checkHistory(c); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// wait waits for d, or until the engine is closed.
func (e *engine) wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-e.closing.Done():
		return sqlstore.ErrClosed
	case <-time.After(d):
		return nil
	}
}

// fail ends all writes of this process, which must be started again.
func (e *engine) fail(err error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fatal == nil {
		e.fatal = err
		close(e.failed)
		e.logger.Error("the database has lost transactions: stopping, to start again from what it has", "database", e.name, "error", err)
	}
	return e.fatal
}

// failure returns why this process must not go on; nil if it may.
func (e *engine) failure() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fatal
}

// checkCommits fails if the database has fewer commits of this process than were durable.
func (e *engine) checkCommits(commits int64) error {
	return e.checkDurable(commits, e.committed.Load())
}

// checkDurable fails if the database has fewer commits of this process than were known to be durable before it was asked.
func (e *engine) checkDurable(commits, known int64) error {
	if commits < known {
		return e.fail(fmt.Errorf("%w: it has %d of the %d commits of this process", errReplaced, commits, known))
	}
	return nil
}

// IsExclusive is false: all replicas change the same rows.
func (e *engine) IsExclusive() bool { return false }

// IsBusy reports whether a transaction could not begin and is to be begun again.
func (e *engine) IsBusy(err error) bool { return isBusy(err) }

// IsStorageFailure reports whether a statement failed because of the database.
func (e *engine) IsStorageFailure(err error) bool { return isStorageFailure(err) }

// MayBeTransaction reports whether a storage failure may be caused by the statement.
func (e *engine) MayBeTransaction(err error) bool { return mayBeTransaction(err) }

// Probe writes as much as a delivery.
func (e *engine) Probe(t *sqlstore.Tx) error {
	return t.SaveMeta(sqlstore.TouchedKey, strings.Repeat("\x00", 8192))
}

// Now returns the time of the database's clock.
func (e *engine) Now() time.Time { return e.clock.now() }

// Sizes returns the size of the schema's tables and indexes. It waits a second, since scrapes call it, and the size of a locked table can't be read.
func (e *engine) Sizes() (log, size int64, err error) {
	ctx, cancel := context.WithTimeout(e.closing, time.Second)
	defer cancel()
	err = e.db.QueryRowContext(ctx, "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c JOIN pg_namespace AS n "+
		"ON n.oid = relnamespace WHERE nspname = $1 AND relkind = 'r'", e.schema).Scan(&size)
	if err != nil {
		return 0, 0, fmt.Errorf("read the size of %s: %w", e.name, err)
	}
	return 0, size, nil
}

// register adds the rows of this process to the table writers, and removes those of processes that have ended.
func (e *engine) register(ctx context.Context) error {
	old := millis + " - " + strconv.FormatInt((24*time.Hour).Milliseconds(), 10)
	begun := "INSERT INTO writers (id, commits, seen) VALUES ("
	for _, statement := range []string{
		begun + bytea(e.id) + ", 0, " + millis + ")", begun + bytea(e.inboxID) + ", 0, " + millis + ")",
		"DELETE FROM writers AS w WHERE seen < " + old + " AND NOT EXISTS (SELECT 1 FROM writers AS p WHERE p.seen >= " + old +
			" AND w.id = p.id || " + bytea(inboxSuffix) + "::bytea)", // an inbox may have nothing to do for long
	} {
		if _, err := e.db.ExecContext(ctx, e.dialect.qualify(statement)); err != nil {
			return fmt.Errorf("register this process in %s: %w", e.name, err)
		}
	}
	return nil
}
