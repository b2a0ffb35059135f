package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"

	"dora-exporter/internal/localfile"
)

// checkCopyBelow is the file size up to which every copy is checked, which takes a second.
const checkCopyBelow = 16 << 20

// Backup writes a copy of the database, as committed when it began, to a new file, with or without a server that uses the database
// at the same time. With check, or if the file is small, it reads all of the copy, and reports whether it did. The file appears only
// when all of it is on the disk.
func (r *Reader) Backup(ctx context.Context, file string, check bool) (checked bool, err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("file %s already exists (or can't be accessed); name a new file", file)
	}
	partial := file + ".tmp"
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, localfile.Error("write", partial, err)
	}
	defer func() { _ = os.Remove(partial) }()
	if err := localfile.CreateDatabase(partial); err != nil { // for its mode; SQLite accepts an empty file
		return false, err
	}
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

// copyTo copies the pages of the database in one read transaction, which lets others write. https://sqlite.org/c3ref/backup_finish.html
func (r *Reader) copyTo(ctx context.Context, file string) (err error) {
	to, err := fileURI(file, "rw", []string{"synchronous(OFF)", "journal_mode(OFF)"}) // the file is synced at the end
	if err != nil {
		return err
	}
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return conn.Raw(func(driver any) error {
		b, err := driver.(backuper).NewBackup(to)
		if err != nil {
			return err
		}
		const all = -1
		_, err = b.Step(all)
		return errors.Join(err, b.Finish())
	})
}

// backuper is the connection of the driver.
type backuper interface {
	NewBackup(to string) (*sqlite.Backup, error)
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
