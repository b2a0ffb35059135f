package persistence

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// lock keeps a second server away. The operating system releases it when the process ends, however it ends; the file stays,
// since removing it would let two servers lock two files of one name.
type lock struct{ file *os.File }

func takeLock(path string) (*lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fileError("open lock file", path, err)
	}
	l := &lock{file}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(fmt.Errorf("another dora-exporter%s is running with this database (it holds %s); "+
			"stop it, or set storage.database to another path", l.holder(), path), file.Close())
	}
	if err == nil {
		err = l.sign()
	}
	if err != nil {
		return nil, errors.Join(fileError("lock", path, err), file.Close())
	}
	return l, nil
}

// sign writes this process's id into the file, for the message to the next one.
func (l *lock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

func (l *lock) holder() string {
	text := make([]byte, 20)
	n, _ := l.file.ReadAt(text, 0)
	if pid := strings.TrimSpace(string(text[:n])); pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}

func (l *lock) release() error { return l.file.Close() }
