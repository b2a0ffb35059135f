package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// CorruptError says that the store is damaged. No number can be trusted then; the remedy is a backup.
type CorruptError struct {
	Path string
	// What is wrong, and where.
	What string
	Err  error
}

func (e *CorruptError) Error() string {
	text := fmt.Sprintf("database %s is damaged: %s", e.Path, e.What)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + "; stop the program, move this file and those beside it (-wal, -shm) away, and restore a backup of it"
}

// Unwrap gives SQLite's error, if it was SQLite that found the damage.
func (e *CorruptError) Unwrap() error { return e.Err }

// damaged turns SQLite's report of a damaged file into a *CorruptError.
func (r *Reader) damaged(err error) error { return damaged(r.path, err) }

func damaged(path string, err error) error {
	switch resultCode(err) {
	case sqlite3.SQLITE_CORRUPT:
		return &CorruptError{Path: path, What: "SQLite can't read it", Err: err}
	case sqlite3.SQLITE_NOTADB:
		return &CorruptError{Path: path, What: "it is not a SQLite database, or no longer", Err: err}
	}
	return err
}

// resultCode is SQLite's primary result code, SQLITE_OK when the error is not SQLite's. https://sqlite.org/rescode.html
func resultCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return sqlite3.SQLITE_OK
}

// isStorageFailure says that a statement failed for a reason that lies in the disk or the connection and not in the
// statement. SQLite may have rolled back the transaction. https://sqlite.org/lang_transaction.html
func isStorageFailure(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_OK:
		return errors.Is(err, errMoved) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_ERROR:
		return false
	}
	return true
}

func isBusy(err error) bool { return resultCode(err) == sqlite3.SQLITE_BUSY }

// isNoTransaction says that a ROLLBACK failed since there was nothing to roll back.
func isNoTransaction(err error) bool { return resultCode(err) == sqlite3.SQLITE_ERROR }
