package sqlstore

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"dora-exporter/dora"
)

// errEnded is returned by a transaction that is used after its function has returned.
var errEnded = errors.New("the transaction has ended")

// tx is the transaction of a group. It implements dora.Tx for one op at a time.
type tx struct {
	caches
	writer     *writer
	connection Connection
	// client is the name of the client whose op runs; leases holds the claims of all clients.
	client string
	leases *leases
	shared *sharedLeases
	// ending are the works that the op ends or postpones.
	ending *[]work
	logger *slog.Logger
	// lastPosition is the position of the newest fact, if lastPositionRead.
	lastPosition     int64
	lastPositionRead bool
	// facts are those that were added, begun is the position of the newest of them that began a series.
	facts []dora.Fact
	begun int64
	// unsentFacts are the values of facts that the running op has added and that are to be inserted together.
	unsentFacts []any
	// factsChanged is true if others were changed or removed.
	factsChanged bool
	changed      bool
	// wrote is true if the running op may have changed something.
	wrote bool
	// pendingDelta is the change of the number of pending deliveries.
	pendingDelta int
	// err is the first error of a statement of the running op. No further statement is executed: SQLite may have rolled back the
	// whole transaction, and each statement would be committed by itself.
	err error
}

var _ dora.Tx = (*tx)(nil)

// errUndone is returned by apply if an op has failed after it had changed something.
var errUndone = errors.New("the transaction must be undone because of one of its changes")

// apply runs one op and sets its outcome. If it returns an error, the whole transaction is lost or must be undone: there are no
// savepoints, which would cost all ops more than the few that fail.
func (t *tx) apply(o *op) error {
	t.wrote = false
	o.err = t.run(o)
	failed := t.err
	t.err = errEnded
	if t.writer.engine.IsStorageFailure(failed) {
		return failed
	}
	if o.err != nil && !o.single && (t.wrote || failed != nil) {
		return errUndone
	}
	return nil
}

// beforeWrite precedes a statement that may change something.
func (t *tx) beforeWrite() error {
	t.wrote = true
	return t.err
}

// run calls the op. A panic becomes the op's error, and so does a statement's error that the op ignored.
func (t *tx) run(o *op) (err error) {
	t.err = nil
	defer func() {
		if p := recover(); p != nil {
			t.logger.Error("store update panicked, rolling it back", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("update the store: panic: %v", p)
		}
	}()
	if err := o.run(t); err != nil {
		return err
	}
	if err := t.sendFacts(); err != nil {
		return err
	}
	return t.err
}

// commit commits the transaction.
func (t *tx) commit() (err error) {
	if !t.changed {
		if t.changed, err = t.connection.Flush(); err != nil {
			return err
		}
	}
	return t.connection.Commit(t.changed)
}

// send executes a statement whose result nobody reads. A later statement may return its error, or the commit.
func (t *tx) send(query string, args ...any) error { return t.sendOne(nil, query, args...) }

// sendOne is like send for a statement that must change one row. If it does not, its error is otherwise.
func (t *tx) sendOne(otherwise error, query string, args ...any) error {
	if err := t.beforeWrite(); err != nil {
		return err
	}
	if err := t.sendFactsBefore(query); err != nil {
		return err
	}
	if err := t.connection.Send(otherwise, query, args...); err != nil {
		return t.fail(err)
	}
	return nil
}

// exec executes a statement and returns how many rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	if err := t.beforeWrite(); err != nil {
		return 0, err
	}
	if err := t.sendFactsBefore(query); err != nil {
		return 0, err
	}
	n, err := t.connection.Exec(query, args...)
	if err != nil {
		return 0, t.fail(err)
	}
	t.changed = t.changed || n > 0
	return n, nil
}

// insert executes a statement that inserts a row and returns its id.
func (t *tx) insert(query string, args ...any) (id int64, err error) {
	if err := t.beforeWrite(); err != nil {
		return 0, err
	}
	_, err = t.queryRow(query, args, &id)
	t.changed = true
	return id, err
}

// queryRow scans the only row of a query; false if there is none.
func (t *tx) queryRow(query string, args []any, into ...any) (bool, error) {
	if t.err != nil {
		return false, t.err
	}
	found := false
	err := t.query(query, args, func(rows Rows) error {
		if found { // the only row
			return nil
		}
		found = true
		return rows.Scan(into...)
	})
	return found && err == nil, err
}

// exists reports whether a query has a row; its only column is a number.
func (t *tx) exists(query string, args ...any) (bool, error) {
	var column int
	return t.queryRow(query, args, &column)
}

// query calls scan for each row of a query.
func (t *tx) query(query string, args []any, scan func(Rows) error) error {
	if t.err != nil {
		return t.err
	}
	if err := t.sendFactsBefore(query); err != nil {
		return err
	}
	rows, err := t.connection.Query(query, args...)
	if err != nil {
		return t.fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return t.fail(err)
		}
	}
	return t.fail(rows.Err())
}

func (t *tx) fail(err error) error {
	t.err = err
	return err
}
