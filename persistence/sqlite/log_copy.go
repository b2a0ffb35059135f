package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"dora-exporter/internal/localfile"
)

// logIndex is what the index of a write-ahead log says about it. https://sqlite.org/walformat.html#the_wal_index_header
type logIndex struct {
	// frames is the number of pages that are committed in the log.
	frames uint32
	// salt is that in the log's header. It changes when the log is begun anew.
	salt [8]byte
}

const (
	// indexHeader is the size of each of two copies of the index's header.
	indexHeader = 48
	// logHeader is the size of the log's header, and logSalt where the salt begins in it.
	logHeader, logSalt = 32, 16
	// maxLogCopies is how often a log is copied that is begun anew meanwhile. A read transaction lets that happen once.
	maxLogCopies = 10
)

// readIndex reads an index. The two copies of its header differ while another process writes them.
func readIndex(file io.ReaderAt) (i logIndex, err error) {
	var header [2 * indexHeader]byte
	for range maxLogCopies {
		if _, err := file.ReadAt(header[:], 0); err != nil {
			return i, err
		}
		if bytes.Equal(header[:indexHeader], header[indexHeader:]) {
			break
		}
	}
	i.frames = binary.NativeEndian.Uint32(header[16:])
	copy(i.salt[:], header[32:])
	return i, nil
}

// readLogHeader returns the header of a log; less of a log that is empty.
func readLogHeader(file io.ReaderAt) ([]byte, error) {
	header := make([]byte, logHeader)
	n, err := file.ReadAt(header, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return header[:n], err
}

// copyLog copies the log of a database in a read transaction, and returns how many committed pages the copy must have at least. If the
// transaction began when all of the log was in the database, the log may be begun anew while it is copied. Then it is copied again: the
// beginning of the old log would undo what is in the database.
func (r *Reader) copyLog(ctx context.Context, path, file string) (frames uint32, err error) {
	index, err := r.open(path + "-shm")
	if errors.Is(err, fs.ErrNotExist) { // without an index there is no log
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for range maxLogCopies {
		before, err := readIndex(index)
		if err != nil {
			return 0, localfile.Error("read", path+"-shm", err)
		}
		log, err := r.copyFile(ctx, path+"-wal", file+"-wal")
		if err != nil {
			return 0, err
		}
		same, belongs, err := compareLogs(log, file+"-wal", before)
		if err != nil || same && belongs {
			return before.frames, err
		}
	}
	return 0, errDamagedLog
}

// compareLogs reports whether a log has the header of its copy, and whether that belongs to an index that was read before.
func compareLogs(log io.ReaderAt, path string, index logIndex) (same, belongs bool, err error) {
	now, err := readLogHeader(log)
	if err != nil {
		return false, false, localfile.Error("read", "the write-ahead log", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return false, false, localfile.Error("read", path, err)
	}
	defer file.Close()
	copied, err := readLogHeader(file)
	if err != nil {
		return false, false, localfile.Error("read", path, err)
	}
	belongs = index.frames == 0 || len(copied) == logHeader && bytes.Equal(copied[logSalt:logSalt+len(index.salt)], index.salt[:])
	return bytes.Equal(now, copied), belongs, nil
}

// errDamagedLog reports that a copy of a log lacks what was committed.
var errDamagedLog = errors.New("the write-ahead log is damaged: it lacks what was committed; stop the server, which moves the log into the database, and back it up again")

// moveLog moves what the log of a copy has into the copy, and removes the log. SQLite ends a damaged log before the damage, without a word: so it must
// have a number of committed pages at least.
func moveLog(ctx context.Context, file string, frames uint32) (err error) {
	c, err := connect(ctx, file, "rw", "locking_mode = EXCLUSIVE", "synchronous = OFF") // the file is synced at the end
	if err != nil {
		return err
	}
	c.attach(ctx)
	defer func() { err = errors.Join(err, c.Close()) }()
	var busy, pages, moved int64
	err = c.queryRow("PRAGMA wal_checkpoint(PASSIVE)", nil, &busy, &pages, &moved) // closing the database removes the log
	switch {
	case err != nil:
		return err
	case busy != 0 || pages != moved:
		return fmt.Errorf("%d of %d pages of the log could be moved into the copy", moved, pages)
	case max(pages, 0) < int64(frames):
		return errDamagedLog
	}
	return nil
}
