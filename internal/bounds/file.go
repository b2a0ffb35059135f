package bounds

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ErrNotRegular reports that a path is not a regular file, so that reading it could block or never end.
var ErrNotRegular = errors.New("not a regular file")

// Open opens a file for reading. It never blocks, and fails with ErrNotRegular for a FIFO, a socket, a device or a directory. A
// symbolic link to a file is a file.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path) // before opening, which has side effects on some devices
	if err != nil {
		return nil, err
	}
	if err := checkRegular(path, info); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may have been replaced since
	if err != nil {
		return nil, err
	}
	if info, err = file.Stat(); err == nil {
		err = checkRegular(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// CheckFile returns the error that Open would return.
func CheckFile(path string) error {
	file, err := Open(path)
	if err != nil {
		return err
	}
	return file.Close()
}

// ReadFile returns the content of a file of at most limit bytes, with the errors of Open.
func ReadFile(path string, limit int64) ([]byte, error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it has more than %d bytes", limit)}
	}
	return data, nil
}

func checkRegular(path string, info fs.FileInfo) error {
	mode := info.Mode()
	if mode.IsRegular() {
		return nil
	}
	kind := "a device"
	switch {
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a FIFO"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	}
	return &fs.PathError{Op: "open", Path: path, Err: &notRegularError{kind}}
}

type notRegularError struct{ kind string }

func (e *notRegularError) Error() string { return "it is " + e.kind + ", " + ErrNotRegular.Error() }

func (e *notRegularError) Is(target error) bool { return target == ErrNotRegular }
