// Package sqlite keeps a store in a SQLite database, durably. One process at a time has it open for serving; others may read.
package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"

	modernc "modernc.org/sqlite"

	"dora-exporter/internal/localfile"
	"dora-exporter/persistence/sqlstore"
)

// Store is the SQLite database. One process at a time has it open for serving.
type Store struct {
	*sqlstore.Store
	path   string
	reader *Reader
	engine *engine
	logger *slog.Logger
	lock   *localfile.Lock

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
	s := &Store{path: path, engine: &engine{path: path, logger: logger}, logger: logger, lock: lock}
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
	_, _ = modernc.Fdatasync(true)
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
	s.reader = reader
	if err := s.checkRecorded(ctx); err != nil {
		return errors.Join(err, reader.Close())
	}
	if s.Store, err = sqlstore.Open(ctx, reader.Reader, s.engine, s.logger); err != nil {
		return err
	}
	s.stopCheck, err = s.checkInBackground()
	return err
}

// Close commits the current group, fails waiting writes with sqlstore.ErrClosed, and closes the database. Further calls return the
// same result.
func (s *Store) Close() error {
	s.closing.Do(func() {
		if s.stopCheck != nil {
			s.stopCheck()
		}
		if s.Store != nil {
			s.closeErr = s.Store.Close()
		}
		s.closeErr = errors.Join(s.closeErr, s.lock.Release())
	})
	return s.closeErr
}
