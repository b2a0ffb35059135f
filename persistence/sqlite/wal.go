package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// The write-ahead log. SQLite appends commits to it, copies them into the database about every thousand pages (4 MiB), and
// overwrites it from its start once everything is copied and no reader uses it. A reader that keeps its transaction open prevents
// that, and the log grows. Readers of this process end in time: queries for people have a deadline, those of the program read a
// bounded number of rows and do nothing else meanwhile. If readers follow each other without a gap, Maintain makes new ones wait for a
// moment. Readers in other processes can't be stopped from here; the program's own commands read in a process that ends when it is
// paused (see cmd/dora-exporter).
const (
	// truncateLogAbove is the size, in bytes, above which the log is truncated as soon as no reader uses it.
	truncateLogAbove = 16 << 20
	// warnLogAbove is the size, in bytes, above which a reader must be preventing that.
	warnLogAbove = 64 << 20
)

// logSize returns the size of the write-ahead log of the database at path, in bytes; 0 if there is none. It must not open the file:
// closing it would release the locks of this process.
func logSize(path string) (int64, error) {
	info, err := os.Stat(path + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("read the size of the write-ahead log: %w", err)
	}
	return info.Size(), nil
}

// Maintain truncates a log that has become too long, or logs once that a reader prevents it.
func (c *connection) Maintain() {
	size, err := logSize(c.path)
	if err != nil {
		return // Check reports it
	}
	if size > truncateLogAbove {
		// A reader that prevents it is not an error. New readers and writes wait meanwhile.
		_ = c.exec("PRAGMA busy_timeout = 250")
		_ = c.exec("PRAGMA wal_checkpoint(TRUNCATE)")
		_ = c.exec("PRAGMA busy_timeout = 0")
		size, _ = logSize(c.path)
	}
	switch {
	case size > warnLogAbove && !c.hugeLog:
		c.logger.Warn("the write-ahead log grows because a process keeps a read transaction open: stop that process", "database", c.path, "bytes", size)
	case size <= warnLogAbove && c.hugeLog:
		c.logger.Info("the write-ahead log was truncated again", "database", c.path, "bytes", size)
	}
	c.hugeLog = size > warnLogAbove
}
