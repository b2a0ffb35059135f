package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"dora-exporter/internal/localfile"
)

// A new database is written in a folder of its own beside its path, whose lock is held meanwhile. A folder whose lock nobody holds was left by
// a process that was killed.
const (
	partialPrefix = ".dora-exporter-partial-"
	partialFile   = "new.db"
	partialLock   = "lock"
	// maxFolders is how many folders are tried: another process may take one without a lock for one that was left.
	maxFolders = 10
)

// writeNew makes a database at path, which write writes to another path. The file appears only when all of it is on the disk.
func writeNew(path string, write func(partial string) error) error {
	if err := checkNew(path); err != nil {
		return err
	}
	parent := filepath.Dir(path)
	removeLeft(parent)
	folder, lock, err := makePartialFolder(parent)
	if err != nil {
		return localfile.Error("write", path, err)
	}
	defer removePartial(folder, lock)
	partial := filepath.Join(folder, partialFile)
	if err := write(partial); err != nil {
		return err
	}
	if err := syncFile(partial); err != nil {
		return localfile.Error("write", path, err)
	}
	if err := checkNew(path); err != nil { // another process may have made it meanwhile
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return localfile.Error("write", path, err)
	}
	return localfile.SyncFolder(parent)
}

func checkNew(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("file %s already exists (or can't be accessed); name a new file", path)
	}
	return nil
}

// makePartialFolder makes a folder with a lock that this process holds.
func makePartialFolder(parent string) (folder string, lock *localfile.Lock, err error) {
	for range maxFolders {
		if folder, err = os.MkdirTemp(parent, partialPrefix); err != nil {
			return "", nil, err
		}
		lock, err = lockPartial(folder)
		if !errors.Is(err, localfile.ErrLocked) && !errors.Is(err, fs.ErrNotExist) {
			return folder, lock, err
		}
	}
	return "", nil, err
}

// lockPartial locks a folder. The error is fs.ErrNotExist if another process has removed it meanwhile.
func lockPartial(folder string) (*localfile.Lock, error) {
	path := filepath.Join(folder, partialLock)
	lock, err := localfile.TakeLock(path, "folder", "")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return lock, nil
}

// removeLeft removes the folders that killed processes have left. What can't be removed does not disturb.
func removeLeft(parent string) {
	entries, _ := os.ReadDir(parent)
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), partialPrefix) {
			continue
		}
		folder := filepath.Join(parent, e.Name())
		if lock, err := lockPartial(folder); err == nil {
			removePartial(folder, lock)
		}
	}
}

// removePartial removes a folder and releases its lock. It removes the lock last, and nothing that does not belong there.
func removePartial(folder string, lock *localfile.Lock) {
	for _, name := range []string{partialFile, partialFile + "-wal", partialFile + "-shm", partialLock, ""} {
		_ = os.Remove(filepath.Join(folder, name))
	}
	_ = lock.Release()
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
