package sqlite

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"dora-exporter/persistence/sqlstore"
)

// CorruptError reports that the store is damaged.
type CorruptError = sqlstore.CorruptError

// damaged converts SQLite's error about a damaged file into a *CorruptError.
func damaged(path string, err error) error {
	if t := (*typeError)(nil); errors.As(err, &t) {
		return &CorruptError{Path: path, What: "a value has another type than was stored", Err: err}
	}
	switch resultCode(err) {
	case sqlite.ResultCorrupt:
		return &CorruptError{Path: path, What: "SQLite can't read it", Err: err}
	case sqlite.ResultNotADB:
		return &CorruptError{Path: path, What: "it is not a SQLite database", Err: err}
	default:
		return err
	}
}

// failure is an error of SQLite. Without it, one that has no code can't be told from those of others.
type failure struct{ cause error }

// failureOf returns an error of SQLite without the text of the statement.
func failureOf(err error) *failure {
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(err) {
		err = cause
	}
	return &failure{err}
}

// Error returns SQLite's message and the name of its extended result code.
func (f *failure) Error() string { return fmt.Sprintf("%v (%v)", f.cause, sqlite.ErrCode(f.cause)) }

// resultCode returns SQLite's primary result code, ResultOK if the error is not SQLite's. https://sqlite.org/rescode.html
func resultCode(err error) sqlite.ResultCode {
	if f := (*failure)(nil); errors.As(err, &f) {
		return sqlite.ErrCode(f.cause).ToPrimary()
	}
	return sqlite.ResultOK
}

// isStorageFailure reports whether a statement failed because of the disk or the connection and not because of the statement.
// SQLite may have rolled back the transaction. https://sqlite.org/lang_transaction.html
func isStorageFailure(err error) bool {
	switch resultCode(err) {
	case sqlite.ResultOK:
		return errors.Is(err, errMoved) || errors.Is(err, errFoundDamaged) || errors.Is(err, errClosed)
	case sqlite.ResultConstraint, sqlite.ResultMismatch, sqlite.ResultTooBig, sqlite.ResultRange, sqlite.ResultError:
		return false
	default:
		return true
	}
}

// mayBeTransaction reports whether a storage failure may be caused by the statement.
func mayBeTransaction(err error) bool {
	switch resultCode(err) {
	case sqlite.ResultNoMem, sqlite.ResultInternal, sqlite.ResultMisuse:
		return true
	default:
		return false
	}
}

func isBusy(err error) bool { return resultCode(err) == sqlite.ResultBusy }

// isNoTransaction reports whether a ROLLBACK failed because there was no transaction.
func isNoTransaction(err error) bool { return resultCode(err) == sqlite.ResultError }
