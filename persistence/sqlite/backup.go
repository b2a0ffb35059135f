package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"dora-exporter/internal/localfile"
	"dora-exporter/persistence/sqlstore"
)

// checkCopyBelow is the file size up to which every copy is checked, which takes a second.
const checkCopyBelow = 16 << 20

// Backup writes a copy of the database to a new file, with all that was committed before it began and perhaps more, with or without another
// process that uses the database at the same time. This process must have no other connection to it: Close releases all of the process's locks.
// With check, or if the file is small, it reads all of the copy, and reports whether it did. The file appears only when all of it is on the disk.
func (r *Reader) Backup(ctx context.Context, file string, check bool) (checked bool, err error) {
	err = writeNew(file, func(partial string) error {
		if err := r.copyTo(ctx, partial); err != nil {
			return fmt.Errorf("back up database %s to %s: %w", r.path, file, err)
		}
		large, err := isLarge(partial, checkCopyBelow)
		if err != nil {
			return localfile.Error("read", file, err)
		}
		if checked = check || !large; !checked {
			return nil
		}
		return r.copyError(verify(ctx, partial))
	})
	return checked && err == nil, err
}

// copyError returns an error of a copy of the database. That of a database says what to do with one that is used.
func (r *Reader) copyError(err error) error {
	var corrupt *CorruptError
	if !errors.As(damaged(r.path, err), &corrupt) {
		return err
	}
	what := corrupt.What
	if corrupt.Err != nil {
		what += ": " + corrupt.Err.Error()
	}
	return fmt.Errorf("the copy of database %s is damaged: %s; back it up again: if that copy is damaged, too, so is the database; restore an earlier backup then", r.path, what)
}

// copyTo copies the files of the database and of its log in one read transaction, which lets others write. It keeps checkpoints from writing
// anything to the database that the log has not. https://sqlite.org/walformat.html
func (r *Reader) copyTo(ctx context.Context, file string) error {
	path, err := filepath.EvalSymlinks(r.path) // SQLite's log is beside the file that a link leads to
	if err != nil {
		return localfile.Error("read", r.path, err)
	}
	snapshot, err := r.pool.Begin(ctx)
	if err != nil {
		return damaged(r.path, err)
	}
	defer snapshot.Close()
	if err := beginReading(snapshot); err != nil {
		return damaged(r.path, err)
	}
	if _, err := r.copyFile(ctx, path, file); err != nil {
		return err
	}
	frames, err := r.copyLog(ctx, path, file)
	if err != nil {
		return err
	}
	return r.copyError(moveLog(ctx, file, frames))
}

// beginReading runs the first query of a transaction, with which it begins.
func beginReading(s sqlstore.Snapshot) error {
	rows, err := s.Query("SELECT 1 FROM sqlite_schema", nil)
	if err != nil {
		return err
	}
	rows.Next()
	return errors.Join(rows.Err(), rows.Close())
}

// copyChunk is how many bytes are copied before the context is looked at again.
const copyChunk = 64 << 20

// open opens a file of the database and leaves it open until the reader is closed: the system releases all locks of a process on a file when
// the process closes it. https://sqlite.org/howtocorrupt.html, section 2.2
func (r *Reader) open(path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, localfile.Error("read", path, err)
	}
	r.files = append(r.files, file)
	return file, nil
}

// copyFile copies a file of the database and returns it.
func (r *Reader) copyFile(ctx context.Context, path, file string) (from *os.File, err error) {
	if from, err = r.open(path); err != nil {
		return nil, err
	}
	to, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, localfile.Error("write", file, err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	for {
		if _, err := io.CopyN(to, from, r.chunk); errors.Is(err, io.EOF) {
			return from, nil
		} else if err != nil {
			return nil, localfile.Error("copy "+path+" to", file, err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// verify reads a copy that nobody uses. https://sqlite.org/uri.html#uriimmutable
func verify(ctx context.Context, path string) (err error) {
	uri, err := fileURI(path, url.Values{"mode": {"ro"}, "immutable": {"1"}}) // which leaves no files beside it
	if err != nil {
		return err
	}
	r, err := readerOf(path, newPool(maxReadConns, func(ctx context.Context) (*conn, error) { return connectTo(ctx, path, uri) }))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return r.checkAll(ctx, 0)
}
