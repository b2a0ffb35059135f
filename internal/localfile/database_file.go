// Package localfile creates, locks and replaces files on a local disk. Its errors say what to do where that does not work.
package localfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// CheckDatabase checks that a database can be at path: in a folder that exists, on a local file system, not a mount point itself, and without
// another name.
func CheckDatabase(path string) error {
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder %s for the database %s does not exist; make it with: mkdir -p %s", folder, filepath.Base(path), folder)
	case err != nil:
		return Error("access the folder", folder, err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder, so the database %s can't be in it; set storage.database to another path", folder, path)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("the database %s is a folder; set storage.database to the path of a file, such as %s",
			path, filepath.Join(path, "dora-exporter.db"))
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("the database %s is a FIFO, a socket or a device; move it away, or set storage.database to another path", path)
	}
	if name := networkFileSystem(folder); name != "" {
		return fmt.Errorf("the folder %s is on a network file system (%s), where SQLite's write-ahead log does not work; "+
			"set storage.database to a path on a local disk", folder, name)
	}
	if IsMountPoint(path) {
		return fmt.Errorf("the database %s is mounted as a single file, so the files that SQLite keeps beside it would be lost; "+
			"mount its folder %s", path, folder)
	}
	return CheckNames(path)
}

// CheckNames returns an error if the database at path has another name (a hard link). The lock and the files that SQLite keeps beside the database
// belong to one name: two processes with two names would damage it. https://sqlite.org/howtocorrupt.html, section 2.5
func CheckNames(path string) error {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err == nil && stat.Nlink > 1 {
		return fmt.Errorf("the database %[1]s has %[2]d names (hard links), and would be damaged by two programs that use two of them: remove the others, which "+
			"find -samefile %[1]s finds; or stop the servers and make it a file of its own with: cp -p %[1]s %[1]s.own && mv %[1]s.own %[1]s", path, stat.Nlink)
	}
	return nil
}

// CreateDatabase creates an empty file that only its owner can read, unless it exists, and checks that it is writable. SQLite gives the
// files beside it the same mode. It must not be called while the database is open: closing the file would release SQLite's locks.
func CreateDatabase(path string) error {
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

// Error adds the operation, the path and a remedy to an error of the operating system.
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
