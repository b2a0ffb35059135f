package sqlite

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"dora-exporter/persistence/sqlstore"
)

// engine is the sqlstore.Engine of a database file.
type engine struct {
	path   string
	logger *slog.Logger
	// connection is the connection that was opened last.
	connection *connection
}

// Connect opens a connection for writing.
func (e *engine) Connect() (sqlstore.Connection, error) {
	cache := restoreCache
	if e.connection != nil {
		cache = e.connection.cache
	}
	c, err := openConnection(e.path, cache)
	if err != nil {
		return nil, err
	}
	c.logger = e.logger
	if err := c.Check(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	e.connection = c
	return c, nil
}

// IsBusy reports whether another process holds the lock for writing.
func (e *engine) IsBusy(err error) bool { return isBusy(err) }

// IsStorageFailure reports whether a statement failed because of the disk or the connection.
func (e *engine) IsStorageFailure(err error) bool { return isStorageFailure(err) }

// MayBeTransaction reports whether a storage failure may be caused by the statement.
func (e *engine) MayBeTransaction(err error) bool { return mayBeTransaction(err) }

// IsExclusive is true: one process serves a database file, and others only add deliveries.
func (e *engine) IsExclusive() bool { return true }

// Probe writes as many pages as a delivery, to find out whether the disk has room for one. It replaces the same pages each time.
func (e *engine) Probe(t *sqlstore.Tx) error {
	return t.SaveMeta(sqlstore.TouchedKey, strings.Repeat(uuid.NewString(), 32<<10/36))
}

// Now returns the time of day.
func (e *engine) Now() time.Time { return time.Now() }

// Sizes returns the sizes of the files.
func (e *engine) Sizes() (log, size int64, err error) {
	if log, err = logSize(e.path); err != nil {
		return 0, 0, err
	}
	info, err := os.Stat(e.path) // which does not open the file, as logSize says
	if err != nil {
		return log, 0, fmt.Errorf("read the size of the database: %w", err)
	}
	return log, info.Size() + log, nil
}
