package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"dora-exporter/persistence/sqlstore"
)

// connection is the connection for writing. No context ends its statements, so no write is interrupted halfway.
type connection struct {
	*conn
	path   string
	logger *slog.Logger
	// cache is how much it caches, in KiB.
	cache int
	// changed is true if a statement that was sent has changed rows since the last Flush.
	changed bool
	// files holds the database and its write-ahead log as first found, by path.
	files map[string]os.FileInfo
	log   logLimit
	// hugeLog is true if the log was above warnLogAbove at the last check.
	hugeLog bool
}

// The most that a connection caches, in KiB of pages. A page of 4 KiB takes 8 KiB of memory: the allocator of SQLite has powers of two and
// keeps up to 4 MiB that were in use once. So what is read or written once, in order, gets a small cache.
const (
	// writeCache is for writing while the exporter serves.
	writeCache = 16 << 10
	// restoreCache is for writing until the values are restored, perhaps an import of many series.
	restoreCache = 1 << 10
	// readCache is for one of the connections that read. With 100,000 deployments, a cache of 2 MiB made no page quicker.
	readCache = 512
	// checkCache is for the check at the start.
	checkCache = 256
)

// cacheSize returns the setting for a cache of so many KiB. https://sqlite.org/pragma.html#pragma_cache_size
func cacheSize(kib int) string { return fmt.Sprintf("cache_size = -%d", kib) }

// openConnection opens a connection for writing, with a cache of so many KiB. Its commits are on the disk when they return
// (synchronous = FULL). What undoes a statement stays in memory (temp_store = MEMORY): SQLite would write each changed page to a temporary
// file for it. The writer waits for locks itself, so that it can be stopped.
func openConnection(path string, cache int) (*connection, error) {
	c, err := connect(context.Background(), path, "rw", "synchronous = FULL", cacheSize(cache), "journal_size_limit = 67108864", "temp_store = MEMORY")
	if err != nil {
		return nil, err
	}
	c.maxStatements = math.MaxInt // its statements have few texts
	c.lockTimeout = 0
	return &connection{conn: c, path: path, cache: cache, log: newLogLimit(), files: map[string]os.FileInfo{}}, nil
}

// ReleaseMemory releases the pages that the connection caches. From now on it may cache what serving needs.
func (c *connection) ReleaseMemory() error {
	if err := c.exec("PRAGMA shrink_memory"); err != nil {
		return err
	}
	c.cache = writeCache
	return c.exec("PRAGMA " + cacheSize(c.cache))
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

// Exec executes a statement.
func (c *connection) Exec(query string, args ...any) (changed int64, err error) {
	return c.execRows(query, args)
}

// Query runs a query.
func (c *connection) Query(query string, args ...any) (sqlstore.Rows, error) {
	return c.query(query, args)
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

// Begin begins a transaction that holds the lock for writing.
func (c *connection) Begin() (removed, others bool, err error) {
	c.changed = false
	return false, false, c.exec("BEGIN IMMEDIATE")
}

// Commit commits the transaction.
func (c *connection) Commit(bool) error {
	began := time.Now()
	if err := c.exec("COMMIT"); err != nil {
		return err
	}
	if c.log.committed(time.Since(began)) {
		_ = c.exec(fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", c.log.pages)) // the other limit works, too
	}
	return nil
}

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
