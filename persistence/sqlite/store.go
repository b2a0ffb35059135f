// Package sqlite keeps deliveries, facts, queued work and the state of the rules in a SQLite database, durably. One process at a time
// has it open for serving; others may read.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite" // registers the driver

	"dora-exporter/dora"
	"dora-exporter/internal/localfile"
)

// Store is the SQLite database. One process at a time has it open for serving. Writes are committed in groups, one
// at a time; reads go through connections that can't write and see what is committed.
type Store struct {
	*Reader
	logger *slog.Logger
	lock   *localfile.Lock
	writer *writer
	leases leases

	identity sync.Mutex
	id       string
	created  time.Time
	started  time.Time

	// stopCheck ends the check in the background.
	stopCheck func()

	closing  sync.Once
	closeErr error
}

// Open locks, opens, checks and migrates the database at path, and creates it (mode 0600) if it does not exist; its folder must
// exist. The error is a message for the user, with a remedy.
func Open(ctx context.Context, path string, logger *slog.Logger) (*Store, error) {
	path = localfile.Resolve(path) // one lock for all names of the file
	if err := localfile.CheckDatabase(path); err != nil {
		return nil, err
	}
	lock, err := localfile.TakeLock(path+".lock", "database", "storage.database")
	if err != nil {
		return nil, err
	}
	s := &Store{Reader: &Reader{path: path}, logger: logger, lock: lock, leases: newLeases()}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := localfile.CreateDatabase(s.path); err != nil {
		return err
	}
	// As durable as fsync, without the timestamps; SQLite's own builds use it on Linux. On systems without fdatasync, fsync remains.
	_, _ = sqlite.Fdatasync(true)
	if err := prepare(ctx, s.path); err != nil {
		return err
	}
	if err := localfile.SyncFolder(filepath.Dir(s.path)); err != nil {
		return err
	}
	reader, err := newReader(s.path)
	if err != nil {
		return err
	}
	s.Reader = reader
	if err := s.identify(ctx); err != nil {
		return err
	}
	s.writer = newWriter(s.path, s.codec, s.logger)
	if err := s.queryRow(ctx, "SELECT EXISTS (SELECT 1 FROM removed_keys)", &s.writer.hasRemoved); err != nil {
		return err
	}
	if err := s.writer.start(); err != nil {
		return err
	}
	s.stopCheck, err = s.checkInBackground()
	return err
}

// Close commits the current group, fails waiting writes with ErrClosed, and closes the database. Further calls return the same
// result.
func (s *Store) Close() error {
	s.closing.Do(func() {
		if s.stopCheck != nil {
			s.stopCheck()
		}
		s.closeErr = s.Reader.Close()
		if s.writer != nil { // last, so that SQLite checkpoints the WAL
			s.closeErr = errors.Join(s.closeErr, s.writer.stop())
		}
		s.closeErr = errors.Join(s.closeErr, s.lock.Release())
	})
	return s.closeErr
}

// Err returns the reason why no delivery can be stored at the moment; nil if deliveries are accepted. After a failed write, the store
// retries every few seconds.
func (s *Store) Err() error {
	return errors.Join(s.writer.err(), s.writer.stalled(), s.writer.backlogError(0))
}

// Revision returns the number of commits of this process that changed something. Call it before a query, so that WaitAfter misses no
// change after the query.
func (s *Store) Revision() int64 { return s.writer.changed.revision() }

// WaitAfter waits for a commit of this process after a revision.
func (s *Store) WaitAfter(ctx context.Context, revision int64) error {
	for {
		current, next := s.writer.changed.wait()
		if current > revision {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Update runs f in one transaction of the store's writer. f must be quick and must not call the Store. If f returns an error or
// panics, its changes are rolled back, and no other ones. When Update returns nil, the changes are on the disk. An error that wraps
// dora.ErrStoreFailing is caused by the disk and not by f. f may be called again after a failed commit, but not after Update has
// returned.
func (s *Store) Update(ctx context.Context, f func(dora.Tx) error) error {
	return s.updateAs(ctx, "", func(t *tx) error { return f(t) })
}

func (s *Store) update(ctx context.Context, f func(*tx) error) error { return s.updateAs(ctx, "", f) }

func (s *Store) updateAs(ctx context.Context, client string, f func(*tx) error) error {
	var ending []work
	o := newOp(func(t *tx) error {
		t.client, t.leases, t.ending = client, &s.leases, &ending
		return f(t)
	})
	err := s.writer.do(ctx, o)
	if errors.Is(err, errUnderWay) {
		<-o.done
		err = o.err
	}
	s.leases.end(ending)
	if isStorageFailure(err) {
		return fmt.Errorf("%w: %w", dora.ErrStoreFailing, s.damaged(err))
	}
	return err
}
