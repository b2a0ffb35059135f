// Package persistence keeps what must outlive the process: the store (deliveries, facts, jobs and what the rules
// remember, in SQLite) and the checkpoint (the .prom file).
package persistence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite" // registers the driver

	"dora-exporter/dora"
)

// readers is how many queries may read at the same time.
const readers = 4

// Store is the SQLite database. One process at a time has it open for serving. Writes are committed in groups by one
// goroutine; reads go through connections that can't write and see what is committed.
type Store struct {
	path   string
	logger *slog.Logger
	lock   *lock
	writer *writer
	read   *sql.DB

	identity sync.Mutex
	id       string
	started  time.Time

	closing  sync.Once
	closeErr error
}

var _ dora.Store = (*Store)(nil)

// Open locks, opens, checks and migrates the database at path, and creates it (mode 0600) when it is not there; its folder
// must be. The error is made for the person who starts the program: it says what to do.
func Open(ctx context.Context, path string, logger *slog.Logger) (*Store, error) {
	if err := place(path); err != nil {
		return nil, err
	}
	lock, err := takeLock(path + ".lock")
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, logger: logger, lock: lock}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := createFile(s.path); err != nil {
		return err
	}
	// As durable as fsync, without the timestamps; SQLite's own builds do the same on Linux. Where there is no fdatasync,
	// fsync stays.
	_, _ = sqlite.Fdatasync(true)
	if err := prepare(ctx, s.path); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(s.path)); err != nil {
		return err
	}
	var err error
	if s.read, err = connect(s.path, "query_only(1)"); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	if err := s.identify(ctx); err != nil {
		return err
	}
	s.writer = newWriter(s.path, s.logger)
	return s.writer.start()
}

// Close commits what is being written, answers what waits with ErrClosed, and closes the database. Calling it again gives
// the same result.
func (s *Store) Close() error {
	s.closing.Do(func() {
		if s.read != nil {
			s.closeErr = s.read.Close()
		}
		if s.writer != nil { // last, so that SQLite moves the WAL into the database
			s.closeErr = errors.Join(s.closeErr, s.writer.stop())
		}
		s.closeErr = errors.Join(s.closeErr, s.lock.release())
	})
	return s.closeErr
}

// Err is why nothing can be written at the moment; nil when it can. While there is an error, the store itself tries again
// every few seconds.
func (s *Store) Err() error { return s.writer.err() }

// Changed returns a channel that is closed after the next commit of this process that changed something. Take it before
// querying, so that nothing is missed in between.
func (s *Store) Changed() <-chan struct{} { return s.writer.changed.wait() }

// Update runs f in one transaction of the store's writer: f must be quick and must not call the Store. When f returns an
// error or panics, what it did is undone, and nothing of what others do. When Update returns nil, the changes are on the
// disk. An error with dora.ErrStoreFailing lies in the disk and not in f. f may be called again when the commit failed; it has returned for good when Update returns.
func (s *Store) Update(ctx context.Context, f func(dora.Tx) error) error {
	return s.update(ctx, func(t *tx) error { return f(t) })
}

func (s *Store) update(ctx context.Context, f func(*tx) error) error {
	o := newOp(f)
	err := s.writer.do(ctx, o)
	if errors.Is(err, errUnderWay) {
		err = o.wait(s.writer.stopped)
	}
	if storageFailure(err) {
		return fmt.Errorf("%w: %w", dora.ErrStoreFailing, s.damaged(err))
	}
	return err
}

// connect opens a pool of connections to the database file, which must exist. SQLite's settings hold per connection.
func connect(path string, pragmas ...string) (*sql.DB, error) {
	uri, err := fileURI(path, append([]string{"busy_timeout(5000)"}, pragmas...))
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return db, nil
}

// query runs a query on a reading connection and calls scan for each row.
func (s *Store) query(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return s.damaged(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return s.damaged(err)
		}
	}
	return s.damaged(rows.Err())
}

// queryRow scans the only row of a query on a reading connection.
func (s *Store) queryRow(ctx context.Context, query string, args []any, into ...any) error {
	return s.damaged(s.read.QueryRowContext(ctx, query, args...).Scan(into...))
}
