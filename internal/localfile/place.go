package localfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Check checks that the database can lie at path: in a folder that exists, on a local file system, and not mounted by
// itself.
func Check(path string) error {
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder %s for the database %s does not exist; make it with: mkdir -p %s", folder, filepath.Base(path), folder)
	case err != nil:
		return Error("look at the folder", folder, err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder, so the database %s can't lie in it; set storage.database to another path", folder, path)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("the database %s is a folder; set storage.database to the path of a file, such as %s",
			path, filepath.Join(path, "dora-exporter.db"))
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("the database %s is a FIFO, a socket or a device and no file; move it away, or set storage.database to another path", path)
	}
	if name := networkFileSystem(folder); name != "" {
		return fmt.Errorf("the folder %s is on a network file system (%s), where SQLite's write-ahead log does not work; "+
			"set storage.database to a path on a local disk", folder, name)
	}
	if IsMountPoint(path) {
		return fmt.Errorf("the database %s is mounted as a single file, so what SQLite keeps beside it would be lost; "+
			"mount its folder %s", path, folder)
	}
	return nil
}

// Create makes an empty file that only the owner can read, unless there is one, and sees whether it can be written.
// SQLite gives the files beside it the same mode. It must not run while the database is open: closing the file would
// release SQLite's own locks.
func Create(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return Error("open database", path, err)
	}
	return file.Close()
}

// SyncFolder makes the names of the files in a folder durable.
func SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return Error("open the folder", path, err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return Error("sync the folder", path, err)
	}
	return nil
}

// Error adds to the operating system's error what can be done about it. err names the file itself where it is an
// *fs.PathError.
func Error(doing, path string, err error) error {
	remedy := ""
	switch {
	case errors.Is(err, unix.EROFS):
		remedy = "; it is on a read-only file system: mount it for writing, or set storage.database to another path"
	case errors.Is(err, fs.ErrPermission):
		remedy = fmt.Sprintf("; let the user with id %d read and write it and its folder", os.Geteuid())
	case errors.Is(err, fs.ErrNotExist):
		remedy = "; make its folder with: mkdir -p " + filepath.Dir(path)
	case errors.Is(err, unix.EISDIR):
		remedy = "; set the path of a file in the configuration"
	case errors.Is(err, unix.ENOSPC):
		remedy = "; the disk is full: make room"
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Errorf("%s %s: %w%s", doing, path, err, remedy)
}
