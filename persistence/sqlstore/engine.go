package sqlstore

import (
	"errors"
	"time"
)

// Engine is the database management system below a store, as far as the writer needs to know it.
type Engine interface {
	// Connect opens a connection for writing.
	Connect() (Connection, error)
	// IsBusy reports whether a transaction could not begin because another process is writing. It is retried then.
	IsBusy(err error) bool
	// IsStorageFailure reports whether a statement failed because of the database and not because of the statement. The whole
	// transaction is lost then.
	IsStorageFailure(err error) bool
	// MayBeTransaction reports whether a storage failure may also be caused by what the transaction does, such as taking too long. It does
	// not if the disk is full or fails, or if the database can't be reached.
	MayBeTransaction(err error) bool
	// IsExclusive reports whether no other process changes what transactions of the writer have read or written while the store
	// is open.
	IsExclusive() bool
	// Probe writes as much as a delivery, to find out whether the store can be written again after a failure.
	Probe(t *Tx) error
	// Now returns the time of day, which is the same for all processes that use the store.
	Now() time.Time
	// Sizes returns the size of the write-ahead log in bytes, and that of the database with it. It does not wait for the writer.
	Sizes() (log, size int64, err error)
}

// Rows are the rows of a query, as *sql.Rows. Scan reads columns into int, int64, bool, float64, string and types of it, []byte, any,
// sql.RawBytes and sql.Scanner, without converting one kind to another.
type Rows interface {
	Next() bool
	Scan(into ...any) error
	Err() error
	Close() error
}

// ErrSent is in the error of a call of a Connection if a statement has failed that was sent before.
var ErrSent = errors.New("an earlier statement failed")

// Connection is a connection for writing. Only the committer uses it. No call is interrupted halfway.
type Connection interface {
	// Exec executes a statement. It returns how many rows that has changed.
	Exec(query string, args ...any) (changed int64, err error)
	// Query runs a query. Until its rows are closed, nothing else is executed.
	Query(query string, args ...any) (Rows, error)
	// Send executes a statement whose result nobody reads, perhaps only with the next Exec, Query, Flush or Commit, which returns
	// its error then, with ErrSent. Unless otherwise is nil, the statement must change one row, or its error is otherwise.
	Send(otherwise error, query string, args ...any) error
	// Flush executes what was sent. It reports whether that has changed anything since the last Flush.
	Flush() (changed bool, err error)
	// Begin begins a transaction that changes the store while no other one does. It reports whether other processes may have removed
	// records, and whether they may have changed any since the last transaction of this connection.
	Begin() (removed, others bool, err error)
	// Commit makes the transaction durable; changed is false if it has changed nothing. If Commit returns an error, nothing was changed.
	Commit(changed bool) error
	// Rollback ends the transaction, if the database has not ended it already.
	Rollback() error
	// Check returns why what is committed would be lost; nil if it would not.
	Check() error
	// Broken reports whether the connection can't be used any more.
	Broken() bool
	// MakeRoom frees space after a failed write, if the database can.
	MakeRoom()
	// Maintain is called every few seconds, between two transactions. If it returns an error, nothing is written until it returns none.
	Maintain() error
	// ReleaseMemory releases the caches of the connection.
	ReleaseMemory() error
	// Statements returns the texts of the statements that were executed, as far as they are known.
	Statements() []string
	Close() error
}
