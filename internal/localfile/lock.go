package localfile

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrLocked is in the error of TakeLock if another process holds the lock.
var ErrLocked = errors.New("it is locked")

// Lock is an exclusive lock on a file. The operating system releases it when the process ends in any way. The file is never removed:
// otherwise two servers could lock two files of the same name.
type Lock struct{ file *os.File }

// LockCheckpoint keeps other servers from using the same checkpoint with another database, since each would import the values of the
// other. It holds the lock until release is called.
func LockCheckpoint(path string) (release func() error, err error) {
	l, err := TakeLock(Resolve(path)+".lock", "checkpoint", "storage.file.path")
	if err != nil {
		return nil, err
	}
	return l.Release, nil
}

// TakeLock locks a file for this process. The error names the subject that the lock protects, and the configuration key of its path.
func TakeLock(path, subject, key string) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, Error("open lock file", path, err)
	}
	l := &Lock{file}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(&lockedError{fmt.Sprintf("another dora-exporter%s is running with this %s (it holds %s); "+
			"stop it, or set %s to another path", l.holder(), subject, path, key)}, file.Close())
	}
	if err == nil {
		err = l.writeProcessID()
	}
	if err != nil {
		return nil, errors.Join(Error("lock", path, err), file.Close())
	}
	return l, nil
}

// lockedError is an error that has ErrLocked, which its message does not repeat.
type lockedError struct{ message string }

func (e *lockedError) Error() string { return e.message }

// Is reports whether target is ErrLocked.
func (e *lockedError) Is(target error) bool { return target == ErrLocked }

// writeProcessID writes this process's id into the file, for the error message of another process.
func (l *Lock) writeProcessID() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// holder returns the process that holds the lock, for a message.
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
