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

// Replace puts data in the place of the file at path and keeps what was there as path.prev. Whatever happens, path is
// either the old file or the new one, and the new one is on the disk when there is no error.
func Replace(path string, data []byte) error {
	temporary := path + ".tmp"
	if err := writeDurably(temporary, data); err != nil {
		_ = os.Remove(temporary)
		return Error("write", temporary, err)
	}
	if err := keep(path); err != nil {
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

// writeDurably writes a file that anybody may read, as other tools do with a .prom. What has that name is removed and not
// written to: it may be another user's, or a link.
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

// keep makes the file at path also known as path.prev: by a link where there are links, else by a copy.
func keep(path string) error {
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

// Resolve returns the file that path stands for where it is a link, so that the file is replaced and the link stays. The file
// need not be there yet.
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

// MountPointError says that a file can't be replaced by another one, since it is a mount point.
func MountPointError(path string) error {
	return fmt.Errorf("the checkpoint %s is mounted as a single file and can't be replaced as a whole; mount its folder instead", path)
}
