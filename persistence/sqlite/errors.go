package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"dora-exporter/persistence/sqlstore"
)

// CorruptError reports that the store is damaged.
type CorruptError = sqlstore.CorruptError

// damaged converts SQLite's error about a damaged file into a *CorruptError.
func damaged(path string, err error) error {
	switch resultCode(err) {
	case sqlite3.SQLITE_CORRUPT:
		return &CorruptError{Path: path, What: "SQLite can't read it", Err: err}
	case sqlite3.SQLITE_NOTADB:
		return &CorruptError{Path: path, What: "it is not a SQLite database", Err: err}
	}
	return err
}

// resultCode returns SQLite's primary result code, SQLITE_OK if the error is not SQLite's. https://sqlite.org/rescode.html
func resultCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return sqlite3.SQLITE_OK
}

// isStorageFailure reports whether a statement failed because of the disk or the connection and not because of the statement.
// SQLite may have rolled back the transaction. https://sqlite.org/lang_transaction.html
func isStorageFailure(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_OK:
		return errors.Is(err, errMoved) || errors.Is(err, errFoundDamaged) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_ERROR:
		return false
	}
	return true
}

// mayBeTransaction reports whether a storage failure may be caused by the statement.
func mayBeTransaction(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERNAL, sqlite3.SQLITE_MISUSE:
		return true
	}
	return false
}

func isBusy(err error) bool { return resultCode(err) == sqlite3.SQLITE_BUSY }

// isNoTransaction reports whether a ROLLBACK failed because there was no transaction.
func isNoTransaction(err error) bool { return resultCode(err) == sqlite3.SQLITE_ERROR }
