package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// The write-ahead log. SQLite appends commits to it, copies them into the database once it has a number of pages (logLimit), and
// overwrites it from its start once everything is copied and no reader uses it. A reader that keeps its transaction open prevents
// that, and the log grows. Readers of this process end in time: queries for people have a deadline, those of the program read a
// bounded number of rows and do nothing else meanwhile. If readers follow each other without a gap, Maintain makes new ones wait for a
// moment. Readers in other processes can't be stopped from here; the program's own commands read in a process that ends when it is
// paused (see cmd/dora-exporter).
const (
	// truncateLogAbove is the size, in bytes, above which the log is truncated as soon as no reader uses it.
	truncateLogAbove = 32 << 20
	// warnLogAbove is the size, in bytes, above which a reader must be preventing that.
	warnLogAbove = 64 << 20
)

const (
	// usualLimit is SQLite's own limit of the log, 4 MiB.
	usualLimit = 1000
	// longLimit is the limit for a quick disk, 16 MiB: of a page that was written several times only the last is copied. With 150,000 deployments
	// that saves a twentieth of the CPU.
	longLimit = 4000
	// A commit that takes longer than slowCommit ends the long limit. It takes quickCommits others in a row for it, some of which have copied the log.
	slowCommit   = 500 * time.Millisecond
	quickCommits = 1000
)

// logLimit is the number of pages in the log from which a commit copies them into the database. Writers wait for that commit, so the limit is
// long only while the disk is quick.
type logLimit struct {
	pages int
	// quick is how many commits in a row were quick.
	quick int
}

func newLogLimit() logLimit { return logLimit{pages: usualLimit} }

// committed notes how long a commit took, and reports whether the limit has changed.
func (l *logLimit) committed(took time.Duration) (changed bool) {
	before := l.pages
	l.quick++
	if took > slowCommit {
		l.pages, l.quick = usualLimit, 0
	} else if l.quick >= quickCommits {
		l.pages = longLimit
	}
	return l.pages != before
}

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

// Maintain truncates a log that has become too long, or logs once that a reader prevents it. The error is why the log can't be moved into the
// database: it would grow with each commit until the disk is full.
func (c *connection) Maintain() error {
	size, err := logSize(c.path)
	if err != nil {
		return nil //nolint:nilerr // Check reports it
	}
	if size > truncateLogAbove {
		if err := c.truncateLog(); err != nil {
			return fmt.Errorf("move the write-ahead log (%d MiB) into the database: %w", size>>20, err)
		}
		size, _ = logSize(c.path)
	}
	switch {
	case size > warnLogAbove && !c.hugeLog:
		c.logger.Warn("the write-ahead log grows because a process keeps a read transaction open: stop that process", "database", c.path, "bytes", size)
	case size <= warnLogAbove && c.hugeLog:
		c.logger.Info("the write-ahead log was truncated again", "database", c.path, "bytes", size)
	}
	c.hugeLog = size > warnLogAbove
	return nil
}

// truncateLog moves the log into the database and truncates it, unless a reader prevents that. New readers and writes wait meanwhile.
func (c *connection) truncateLog() error {
	_ = c.exec("PRAGMA busy_timeout = 250")
	defer func() { _ = c.exec("PRAGMA busy_timeout = 0") }()
	if err := c.exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil && !isBusy(err) {
		return err
	}
	return nil
}
