package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"dora-exporter/persistence/sqlstore"
)

// connection is the connection for writing, with its prepared statements. Its calls use contexts that never end, so no write is
// interrupted halfway.
type connection struct {
	path       string
	logger     *slog.Logger
	db         *sql.DB
	conn       *sql.Conn
	statements map[string]statement
	// changed is true if a statement that was sent has changed rows since the last Flush.
	changed bool
	// files holds the database and its write-ahead log as first found, by path.
	files map[string]os.FileInfo
	// hugeLog is true if the log was above warnLogAbove at the last check.
	hugeLog bool
}

// statement is prepared once and closed with its connection.
type statement struct{ *sql.Stmt }

// openConnection opens a connection for writing. Its commits are on the disk when they return (synchronous=FULL). What undoes a
// statement stays in memory (temp_store=MEMORY): SQLite would write each changed page to a temporary file for it.
func openConnection(path string) (*connection, error) {
	db, err := connect(path, "synchronous(FULL)", "cache_size(-16384)", "journal_size_limit(67108864)", "temp_store(MEMORY)")
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s for writing: %w", path, err), db.Close())
	}
	c := &connection{path: path, db: db, conn: conn, statements: map[string]statement{}, files: map[string]os.FileInfo{}}
	if err := c.exec("PRAGMA busy_timeout = 0"); err != nil { // the writer waits itself, so that it can be stopped
		return nil, errors.Join(fmt.Errorf("open database %s for writing: %w", path, err), c.Close())
	}
	return c, nil
}

// errMoved reports that the open file no longer has its path: writes to it would be lost when the process ends.
var errMoved = errors.New("was moved, removed or replaced while in use; put it back, or restart to use the file that is there now")

// Check returns errMoved if the database or its log is not the file that was first found at its path.
func (c *connection) Check() error {
	for _, name := range []string{c.path, c.path + "-wal"} {
		info, err := os.Stat(name)
		known := c.files[name]
		switch {
		case known == nil && err == nil:
			c.files[name] = info
		case known != nil && (err != nil || !os.SameFile(known, info)):
			return fmt.Errorf("%s %w", name, errMoved)
		}
	}
	return nil
}

// Close closes the connection.
func (c *connection) Close() error {
	var errs []error
	for _, s := range c.statements {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.conn.Close(), c.db.Close())...)
}

func (c *connection) prepare(query string) (statement, error) {
	if s, ok := c.statements[query]; ok {
		return s, nil
	}
	prepared, err := c.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return statement{}, err
	}
	c.statements[query] = statement{prepared}
	return statement{prepared}, nil
}

func (c *connection) exec(query string) error {
	_, err := c.Exec(query)
	return err
}

// Exec executes a statement, which stays prepared.
func (c *connection) Exec(query string, args ...any) (changed int64, err error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Send executes a statement at once. It returns otherwise unless it changes one row.
func (c *connection) Send(otherwise error, query string, args ...any) error {
	n, err := c.Exec(query, args...)
	c.changed = c.changed || n > 0
	if err == nil && n != 1 {
		err = otherwise
	}
	return err
}

// Flush reports whether what was sent has changed anything.
func (c *connection) Flush() (changed bool, err error) {
	changed, c.changed = c.changed, false
	return changed, nil
}

// Query runs a query, which stays prepared.
func (c *connection) Query(query string, args ...any) (sqlstore.Rows, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(context.Background(), args...)
}

// Begin begins a transaction that holds the lock for writing.
func (c *connection) Begin() (removed, others bool, err error) {
	c.changed = false
	return false, false, c.exec("BEGIN IMMEDIATE")
}

// Commit commits the transaction.
func (c *connection) Commit(bool) error { return c.exec("COMMIT") }

// Rollback ends the transaction. SQLite may have rolled it back already, which makes ROLLBACK fail.
func (c *connection) Rollback() error {
	if err := c.exec("ROLLBACK"); err != nil && !isNoTransaction(err) {
		return err
	}
	return nil
}

// Broken returns false: the connection to a file is closed after any failure of BEGIN or ROLLBACK.
func (c *connection) Broken() bool { return false }

// MakeRoom checkpoints the log into the database, which makes room in the log: on a full disk that may be all the room there is.
func (c *connection) MakeRoom() {
	_ = c.exec("PRAGMA wal_checkpoint(PASSIVE)") // the commit reports errors
}

// Statements returns the texts of the prepared statements.
func (c *connection) Statements() []string { return slices.Collect(maps.Keys(c.statements)) }

// connect opens a pool of connections to the database file, which must exist. SQLite's settings hold per connection.
func connect(path string, pragmas ...string) (*sql.DB, error) {
	return connectIn("rw", path, pragmas...)
}

// connectIn opens a pool of connections in a mode: rw, or ro for those that can't write.
func connectIn(mode, path string, pragmas ...string) (*sql.DB, error) {
	uri, err := fileURI(path, mode, append([]string{"busy_timeout(5000)"}, pragmas...))
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return db, nil
}

// fileURI names the database file for SQLite, whatever characters its path has. The file is not created.
// https://sqlite.org/uri.html
func fileURI(path, mode string, pragmas []string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find database %s: %w", path, err)
	}
	uri := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: url.Values{"mode": {mode}, "_pragma": pragmas}.Encode()}
	return uri.String(), nil
}
