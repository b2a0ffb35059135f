package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"dora-exporter/internal/localfile"
)

// checkCopyBelow is the file size up to which every copy is checked, which takes a second.
const checkCopyBelow = 16 << 20

// Backup writes a copy of the database to a new file, with all that was committed before it began and perhaps more, with or without another
// process that uses the database at the same time. This process must not use it otherwise: when the reader is closed, its locks are released. With check, or if the file is small, it reads all of the copy, and reports whether it did. The file appears only
// when all of it is on the disk.
func (r *Reader) Backup(ctx context.Context, file string, check bool) (checked bool, err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("file %s already exists (or can't be accessed); name a new file", file)
	}
	partial := file + ".tmp"
	if err := removeDatabase(partial); err != nil {
		return false, err
	}
	defer func() { _ = removeDatabase(partial) }()
	if err := r.copyTo(ctx, partial); err != nil {
		return false, fmt.Errorf("back up database %s to %s: %w", r.path, file, damaged(r.path, err))
	}
	large, err := isLarge(partial, checkCopyBelow)
	if err != nil {
		return false, localfile.Error("read", partial, err)
	}
	if check = check || !large; check {
		if err := verify(ctx, partial); err != nil {
			return false, err
		}
	}
	if err := syncFile(partial); err != nil {
		return false, localfile.Error("write", partial, err)
	}
	if err := os.Rename(partial, file); err != nil {
		return false, localfile.Error("write", file, err)
	}
	return check, localfile.SyncFolder(filepath.Dir(file))
}

// copyTo copies the files of the database and of its log in one read transaction, which lets others write. What a checkpoint writes to
// the database meanwhile is also in the log, which is not begun anew before the transaction ends. https://sqlite.org/walformat.html
func (r *Reader) copyTo(ctx context.Context, file string) error {
	path, err := filepath.EvalSymlinks(r.path) // SQLite's log is beside the file that a link leads to
	if err != nil {
		return localfile.Error("read", r.path, err)
	}
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback()              //nolint:errcheck // it has changed nothing
	before, err := newestOf(ctx, tx) // the transaction begins with its first query
	if err != nil {
		return err
	}
	if err := r.copyFile(ctx, path, file); err != nil {
		return err
	}
	if err := r.copyFile(ctx, path+"-wal", file+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return moveLog(ctx, file, before)
}

// newest are the position of the newest fact and the id of the newest delivery, which only grow.
type newest struct{ fact, delivery int64 }

// rowQuerier is a *sql.DB or *sql.Tx.
type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func newestOf(ctx context.Context, db rowQuerier) (n newest, err error) {
	err = db.QueryRowContext(ctx, `SELECT (SELECT coalesce(max(position), 0) FROM facts),
		(SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'deliveries')`).Scan(&n.fact, &n.delivery)
	return n, err
}

// copyChunk is how many bytes are copied before the context is looked at again.
const copyChunk = 64 << 20

// copyFile copies a file of the database. It leaves the file open until the reader is closed: the system releases all locks of a process on a
// file when the process closes it. https://sqlite.org/howtocorrupt.html, section 2.2
func (r *Reader) copyFile(ctx context.Context, path, file string) (err error) {
	from, err := os.Open(path)
	if err != nil {
		return localfile.Error("read", path, err)
	}
	r.files = append(r.files, from)
	to, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return localfile.Error("write", file, err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	for err == nil && ctx.Err() == nil {
		_, err = io.CopyN(to, from, copyChunk)
	}
	switch {
	case err == nil:
		return ctx.Err()
	case errors.Is(err, io.EOF):
		return nil
	}
	return localfile.Error("write", file, err)
}

// moveLog moves what the log of a copy has into the copy, and removes the log. What ended before a damaged part of the log would be all that
// the copy has, without a word: so the copy must have what the database had.
func moveLog(ctx context.Context, file string, had newest) (err error) {
	db, err := connect(file, "locking_mode(EXCLUSIVE)", "synchronous(OFF)") // the file is synced at the end
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	has, err := newestOf(ctx, db)
	if err != nil {
		return err
	}
	if has.fact < had.fact || has.delivery < had.delivery {
		return fmt.Errorf("the write-ahead log is damaged: facts up to %d and deliveries up to %d of %d and %d could be copied; "+
			"stop the server, which moves the log into the database, and back it up again", has.fact, has.delivery, had.fact, had.delivery)
	}
	var busy, pages, moved int
	err = db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
	if err == nil && (busy != 0 || pages != moved) {
		err = fmt.Errorf("%d of %d pages of the log could be moved into the copy", moved, pages)
	}
	return err
}

// removeDatabase removes the files of a database, if they are there.
func removeDatabase(path string) error {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return localfile.Error("write", name, err)
		}
	}
	return nil
}

// verify reads a copy that nobody uses. https://sqlite.org/uri.html#uriimmutable
func verify(ctx context.Context, path string) (err error) {
	uri, err := fileURI(path, "ro", nil)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", uri+"&immutable=1") // which leaves no files beside it
	if err != nil {
		return err
	}
	r, err := readerOf(path, db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return r.checkAll(ctx, 0)
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
