package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

const (
	// lockTimeout is how long a statement waits for a lock that another connection holds, and lockPause how long until it tries again.
	lockTimeout = 5 * time.Second
	lockPause   = 5 * time.Millisecond
	// maxStatements bounds the memory of statements: queries with lists of values have many texts.
	maxStatements = 200
)

// conn is a connection to a database file, for one goroutine at a time. It keeps statements prepared: parsing and planning a query takes longer
// than reading a row by its key.
type conn struct {
	*sqlite.Conn
	statements    map[string]*statement
	maxStatements int
	// lockTimeout is how long a statement waits for a lock.
	lockTimeout time.Duration
	// executing is how many statements are executing.
	executing int
	// ctx ends what is executed, if it is not nil, by closing interrupted. unwatch stops that.
	ctx         context.Context //nolint:containedctx // that of the call that uses the connection
	interrupted chan struct{}
	unwatch     func() bool
	closed      bool
}

// connect opens a connection to the database file, which must exist, in a mode: rw, or ro for one that can't write. Settings are those of
// PRAGMA.
func connect(ctx context.Context, path, mode string, settings ...string) (*conn, error) {
	uri, err := fileURI(path, url.Values{"mode": {mode}})
	if err != nil {
		return nil, err
	}
	return connectTo(ctx, path, uri, settings...)
}

// connectTo opens a database by its URI.
func connectTo(ctx context.Context, path, uri string, settings ...string) (*conn, error) {
	opened, err := sqlite.OpenConn(uri, sqlite.OpenReadWrite, sqlite.OpenURI) // the URI may say that it is only read
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, failureOf(err))
	}
	opened.SetBusyTimeout(0) // retryLocked waits, which a context can end
	c := &conn{Conn: opened, statements: map[string]*statement{}, maxStatements: maxStatements, lockTimeout: lockTimeout}
	c.attach(ctx)
	defer c.detach()
	for _, setting := range settings {
		if err := c.exec("PRAGMA " + setting); err != nil {
			return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), c.Close())
		}
	}
	return c, nil
}

// fileURI names the database file for SQLite, whatever characters its path has. The file is not created.
// https://sqlite.org/uri.html
func fileURI(path string, parameters url.Values) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find database %s: %w", path, err)
	}
	uri := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: parameters.Encode()}
	return uri.String(), nil
}

// attach has what is executed end when ctx ends, until detach is called.
func (c *conn) attach(ctx context.Context) {
	if ctx.Done() == nil {
		return
	}
	if c.interrupted == nil {
		c.interrupted = make(chan struct{})
		c.SetInterrupt(c.interrupted)
	}
	c.ctx = ctx
	interrupted := c.interrupted
	c.unwatch = context.AfterFunc(ctx, func() { close(interrupted) })
}

// detach ends the effect of attach.
func (c *conn) detach() {
	if c.ctx == nil {
		return
	}
	if !c.unwatch() {
		<-c.interrupted
		c.SetInterrupt(nil)
		c.interrupted = nil
	}
	c.ctx = nil
}

// prepare returns a prepared statement that is not being executed.
func (c *conn) prepare(query string) (*statement, error) {
	if c.closed {
		return nil, errClosed
	}
	s := c.statements[query]
	if s != nil && !s.executing {
		return s, nil
	}
	keep, prepare := s == nil && len(c.statements) < c.maxStatements, c.Prepare
	if !keep {
		prepare = c.prepareTransient
	}
	prepared, err := prepare(query)
	if err != nil {
		err = c.retryLocked(err, func() (err error) {
			prepared, err = prepare(query)
			return err
		})
	}
	if err != nil {
		return nil, c.failed(err)
	}
	s = &statement{Stmt: prepared, conn: c, transient: !keep}
	if keep {
		c.statements[query] = s
	}
	return s, nil
}

func (c *conn) prepareTransient(query string) (*sqlite.Stmt, error) {
	prepared, _, err := c.PrepareTransient(query)
	return prepared, err
}

// retryLocked tries again what has failed with an error since another connection holds a lock, until lockTimeout or the context ends. A snapshot
// that is outdated can't be written, however long one waits.
func (c *conn) retryLocked(err error, try func() error) error {
	var ended <-chan struct{}
	if c.ctx != nil {
		ended = c.ctx.Done()
	}
	for began := time.Now(); time.Since(began) < c.lockTimeout; {
		if code := sqlite.ErrCode(err); code.ToPrimary() != sqlite.ResultBusy || code == sqlite.ResultBusySnapshot {
			return err
		}
		select {
		case <-ended:
			return err
		case <-time.After(lockPause):
		}
		err = try()
	}
	return err
}

// query begins to execute a statement.
func (c *conn) query(query string, args []any) (*statement, error) {
	if c.ctx != nil && c.ctx.Err() != nil {
		return nil, c.ctx.Err()
	}
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	if err := s.start(args); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// exec executes a statement.
func (c *conn) exec(query string, args ...any) error {
	_, err := c.execRows(query, args)
	return err
}

// execRows executes a statement and returns how many rows it changed.
func (c *conn) execRows(query string, args []any) (changed int64, err error) {
	s, err := c.query(query, args)
	if err != nil {
		return 0, err
	}
	for s.Next() {
		continue // rows that nobody wants
	}
	changed = int64(c.Changes())
	return changed, errors.Join(s.Err(), s.Close())
}

// queryRow scans the first row of a query; sql.ErrNoRows if there is none.
func (c *conn) queryRow(query string, args []any, into ...any) error {
	s, err := c.query(query, args)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.Next() {
		return s.Scan(into...)
	}
	return cmp.Or(s.Err(), sql.ErrNoRows)
}

// script executes statements without parameters.
func (c *conn) script(statements string) error {
	for statements = strings.TrimSpace(statements); statements != ""; {
		s, rest, err := c.PrepareTransient(statements)
		if err != nil {
			return c.failed(err)
		}
		statements = strings.TrimSpace(statements[len(statements)-rest:])
		if _, err := s.Step(); err != nil {
			return errors.Join(c.failed(err), s.Finalize())
		}
		if err := s.Finalize(); err != nil {
			return c.failed(err)
		}
	}
	return nil
}

// inTransaction runs f in a transaction that nobody else can write meanwhile.
func (c *conn) inTransaction(f func() error) error {
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("write to the database: %w", err)
	}
	if err := f(); err != nil {
		_ = c.exec("ROLLBACK") // the first error counts
		return err
	}
	return c.exec("COMMIT")
}

// failed returns an error of SQLite, or why the context has ended.
func (c *conn) failed(err error) error {
	code := sqlite.ErrCode(err).ToPrimary()
	if (code == sqlite.ResultInterrupt || code == sqlite.ResultBusy) && c.ctx != nil && c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	return failureOf(err)
}

// end ends what is still executed, and the transaction. It reports whether the connection can be used by another caller.
func (c *conn) end() bool {
	c.detach()
	if c.executing > 0 { // rows that were not closed
		for _, s := range c.statements {
			_ = s.Close()
		}
	}
	if !c.AutocommitEnabled() {
		_ = c.exec("ROLLBACK")
	}
	return c.AutocommitEnabled() && c.executing == 0
}

// errClosed reports that a connection was closed.
var errClosed = errors.New("the database is closed")

// Close closes the connection. It can't be used any more.
func (c *conn) Close() error {
	if c.closed {
		return errClosed
	}
	c.closed = true
	c.detach()
	return c.Conn.Close()
}
