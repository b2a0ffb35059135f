package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"dora-exporter/internal/localfile"
)

// Backup writes a copy of the database, as committed when it began, to a new file, with or without a server that uses the database
// at the same time. It checks every fact of the copy. The file appears only when all of it is on the disk.
func (r *Reader) Backup(ctx context.Context, file string) (err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("file %s already exists (or can't be accessed); name a new file", file)
	}
	partial := file + ".tmp"
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return localfile.Error("write", partial, err)
	}
	defer func() { _ = os.Remove(partial) }()
	if err := localfile.CreateDatabase(partial); err != nil { // for its mode; SQLite accepts an empty file
		return err
	}
	if err := r.copyTo(ctx, partial); err != nil {
		return fmt.Errorf("back up database %s to %s: %w", r.path, file, r.damaged(err))
	}
	if err := verify(ctx, partial); err != nil {
		return err
	}
	if err := syncFile(partial); err != nil {
		return localfile.Error("write", partial, err)
	}
	if err := os.Rename(partial, file); err != nil {
		return localfile.Error("write", file, err)
	}
	return localfile.SyncFolder(filepath.Dir(file))
}

// copyTo copies the database by SQLite. https://sqlite.org/lang_vacuum.html#vacuuminto
func (r *Reader) copyTo(ctx context.Context, file string) (err error) {
	db, err := connectIn("ro", r.path) // query_only would refuse to write the copy, too
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", file)
	return err
}

// verify reads all facts of a copy.
func verify(ctx context.Context, path string) (err error) {
	r, err := newReader(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := errors.Join(checkIntegrity(ctx, r.db, path), checkState(ctx, r.db, path)); err != nil {
		return err
	}
	for position := int64(0); ; {
		facts, err := r.Facts(ctx, position, 10_000)
		if err != nil || len(facts) == 0 {
			return err
		}
		position = facts[len(facts)-1].Position
	}
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
