package sqlite

import (
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
	// lockTimeout is how long a statement waits for a lock that another connection holds.
	lockTimeout = 5 * time.Second
	// maxStatements bounds the memory of statements: queries with lists of values have many texts.
	maxStatements = 200
)

// conn is a connection to a database file, for one goroutine at a time. It keeps statements prepared: parsing and planning a query takes longer
// than reading a row by its key.
type conn struct {
	*sqlite.Conn
	statements    map[string]*statement
	maxStatements int
	// ctx ends what is executed, if it is not nil, by closing interrupted. unwatch stops that.
	ctx         context.Context //nolint:containedctx // that of the call that uses the connection
	interrupted chan struct{}
	unwatch     func() bool
	closed      bool
}

// connect opens a connection to the database file, which must exist, in a mode: rw, or ro for one that can't write. Settings are those of
// PRAGMA.
func connect(path, mode string, settings ...string) (*conn, error) {
	uri, err := fileURI(path, url.Values{"mode": {mode}})
	if err != nil {
		return nil, err
	}
	return connectTo(path, uri, settings...)
}

// connectTo opens a database by its URI.
func connectTo(path, uri string, settings ...string) (*conn, error) {
	opened, err := sqlite.OpenConn(uri, sqlite.OpenReadWrite, sqlite.OpenURI) // the URI may say that it is only read
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, &failure{err})
	}
	opened.SetBusyTimeout(lockTimeout)
	c := &conn{Conn: opened, statements: map[string]*statement{}, maxStatements: maxStatements}
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
	if s != nil || len(c.statements) >= c.maxStatements {
		prepared, _, err := c.PrepareTransient(query)
		if err != nil {
			return nil, c.failed(err)
		}
		return &statement{Stmt: prepared, conn: c, transient: true}, nil
	}
	prepared, err := c.Prepare(query)
	if err != nil {
		return nil, c.failed(err)
	}
	s = &statement{Stmt: prepared, conn: c}
	c.statements[query] = s
	return s, nil
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
	err = sql.ErrNoRows
	if s.Next() {
		err = s.Scan(into...)
	} else if s.Err() != nil {
		err = s.Err()
	}
	return errors.Join(err, s.Close())
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
		return err
	}
	if err := f(); err != nil {
		_ = c.exec("ROLLBACK") // the first error counts
		return err
	}
	return c.exec("COMMIT")
}

// failed returns an error of SQLite, or why the context has ended.
func (c *conn) failed(err error) error {
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultInterrupt && c.ctx != nil && c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	return &failure{err}
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
