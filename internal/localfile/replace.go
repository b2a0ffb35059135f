package localfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Replace replaces the file at path atomically and keeps the old one as path.prev. If it returns nil, the new file is on the disk;
// otherwise path is either the old file or the new one.
func Replace(path string, data []byte) error {
	temporary := path + ".tmp"
	if err := writeDurably(temporary, data); err != nil {
		_ = os.Remove(temporary)
		return Error("write", temporary, err)
	}
	if err := keepPrevious(path); err != nil {
		_ = os.Remove(temporary)
		return Error("keep the previous", path, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		_ = os.Remove(temporary)
		if errors.Is(err, unix.EBUSY) {
			return MountPointError(path)
		}
		return Error("replace", path, err)
	}
	return SyncFolder(filepath.Dir(path))
}

// writeDurably writes a file that everybody can read, since other tools read the .prom. It removes an existing file of that name and
// does not write to it, since it may belong to another user or be a link.
func writeDurably(path string, data []byte) (err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(data); err != nil {
		return err
	}
	return file.Sync()
}

// keepPrevious makes path.prev a hard link to the file at path, or a copy where links don't work.
func keepPrevious(path string) error {
	previous := path + ".prev"
	if err := os.Remove(previous); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := os.Link(path, previous)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	data, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	return writeDurably(previous, data)
}

// Resolve returns the target of path if it is a symbolic link, so that the target is replaced and the link stays. The target need not
// exist yet.
func Resolve(path string) string {
	if file, err := filepath.EvalSymlinks(path); err == nil {
		return file
	}
	file, err := os.Readlink(path)
	switch {
	case err != nil:
		return path
	case filepath.IsAbs(file):
		return file
	}
	return filepath.Join(filepath.Dir(path), file)
}

// MountPointError returns the error for a checkpoint that can't be replaced since it is a mount point.
func MountPointError(path string) error {
	return fmt.Errorf("the checkpoint %s is mounted as a single file and can't be replaced as a whole; mount its folder instead", path)
}
