package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// The write-ahead log. SQLite appends commits to it, moves them into the database about every thousand pages (4 MiB), and
// begins again at its start once everything is moved and nobody reads from it any more. A reader that keeps its
// transaction open prevents that, and the log grows. This process ends its own in time: queries for people have a
// deadline, those of the program read a bounded number of rows and do nothing else meanwhile. Readers that merely follow
// each other without a gap are dealt with by trimLog, which has new ones wait a moment. What another process does can't be
// stopped from here; the program's own commands read in a process that ends when it is paused (see cmd/dora-exporter).
const (
	// longLog is the size, in bytes, from which on the log is emptied as soon as nobody reads from it.
	truncateLogAbove = 16 << 20
	// hugeLog is the size from which on a reader must be holding it.
	warnLogAbove = 64 << 20
)

// logSize returns the size of the write-ahead log of the database at path, in bytes; 0 when there is none. It must not open
// the file: closing it would release the locks of this process.
func logSize(path string) (int64, error) {
	info, err := os.Stat(path + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("look at the write-ahead log: %w", err)
	}
	return info.Size(), nil
}

// trimLog empties a log that has become too long, or logs once that a reader prevents it.
func (w *writer) trimLog() {
	size, err := logSize(w.path)
	if err != nil || w.connection == nil {
		return // look notices
	}
	if size > truncateLogAbove {
		// A reader that prevents it is no error. New ones wait meanwhile, and so do writes.
		_ = w.connection.exec("PRAGMA busy_timeout = 250")
		_ = w.connection.exec("PRAGMA wal_checkpoint(TRUNCATE)")
		_ = w.connection.exec("PRAGMA busy_timeout = 0")
		size, _ = logSize(w.path)
	}
	switch {
	case size > warnLogAbove && !w.hugeLog:
		w.logger.Warn("the write-ahead log grows, since a process reads from the database and does not end; end it", "database", w.path, "bytes", size)
	case size <= warnLogAbove && w.hugeLog:
		w.logger.Info("the write-ahead log could be emptied again", "database", w.path, "bytes", size)
	}
	w.hugeLog = size > warnLogAbove
}
