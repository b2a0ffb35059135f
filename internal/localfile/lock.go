package localfile

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Lock keeps a second server away. The operating system releases it when the process ends, however it ends; the file stays,
// since removing it would let two servers lock two files of one name.
type Lock struct{ file *os.File }

// LockCheckpoint keeps the servers away that have the same checkpoint and another database: each would take the other's
// values for its own. The lock holds until release is called.
func LockCheckpoint(path string) (release func() error, err error) {
	l, err := TakeLock(Resolve(path)+".lock", "checkpoint", "storage.file.path")
	if err != nil {
		return nil, err
	}
	return l.Release, nil
}

// TakeLock locks a file for this process. The error names what it is for, and the key that sets another path.
func TakeLock(path, what, key string) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, Error("open lock file", path, err)
	}
	l := &Lock{file}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(fmt.Errorf("another dora-exporter%s is running with this %s (it holds %s); "+
			"stop it, or set %s to another path", l.holder(), what, path, key), file.Close())
	}
	if err == nil {
		err = l.sign()
	}
	if err != nil {
		return nil, errors.Join(Error("lock", path, err), file.Close())
	}
	return l, nil
}

// sign writes this process's id into the file, for the message to the next one.
func (l *Lock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

func (l *Lock) holder() string {
	text := make([]byte, 20)
	n, _ := l.file.ReadAt(text, 0)
	if pid := strings.TrimSpace(string(text[:n])); pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}

// Release releases the lock.
func (l *Lock) Release() error { return l.file.Close() }
