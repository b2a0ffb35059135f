package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"dora-exporter/dora"
)

// errEnded is the answer to one who keeps a transaction.
var errEnded = errors.New("the transaction has ended")

// tx is a group's transaction; it satisfies dora.Tx for one op after the other.
type tx struct {
	writer     *writer
	connection *connection
	// client is whose op runs, leases what clients have claimed.
	client string
	leases *leases
	// ending are the works that the op ends or postpones.
	ending *[]work
	logger *slog.Logger
	// last is the newest fact's position, once asked for.
	last    int64
	asked   bool
	changed bool
	// pending is how many deliveries are pending more than before.
	pending int
	// places are label sets that were found. They are remembered once all of it is committed: a place is never taken back.
	places [][2]string
	// undone is set when something of it was: a place may have been among it.
	undone bool
	// err is the first error of a statement of the op that runs. Nothing is executed after it: SQLite may have rolled back
	// the whole transaction, and statements would be committed one by one.
	err error
}

var _ dora.Tx = (*tx)(nil)

// apply runs one op and sets its outcome. What a failing op did is undone; an error that is returned means that the whole
// transaction is lost.
func (t *tx) apply(o *op) error {
	before := *t
	if !o.single {
		if err := t.connection.exec("SAVEPOINT op"); err != nil {
			return err
		}
	}
	o.err = t.run(o)
	failed := t.err
	t.err = errEnded
	if storageFailure(failed) {
		return failed
	}
	end := "RELEASE op"
	if o.err != nil {
		t.last, t.asked, t.changed, t.pending = before.last, before.asked, before.changed, before.pending
		t.undone = true
		end = "ROLLBACK TO op"
	}
	if o.single {
		return nil
	}
	return t.connection.exec(end)
}

// run calls the op; a panic is the op's error, and so is an error that it swallowed.
func (t *tx) run(o *op) (err error) {
	t.err = nil
	defer func() {
		if p := recover(); p != nil {
			t.logger.Error("a change to the store panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("change the store: panic: %v", p)
		}
	}()
	if err := o.run(t); err != nil {
		return err
	}
	return t.err
}

// exec executes a statement and returns how many rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	if t.err != nil {
		return 0, t.err
	}
	s, err := t.connection.prepare(query)
	if err != nil {
		return 0, t.fail(err)
	}
	result, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, t.fail(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, t.fail(err)
	}
	t.changed = t.changed || n > 0
	return n, nil
}

// queryRow scans the only row of a query; false when there is none.
func (t *tx) queryRow(query string, args []any, into ...any) (bool, error) {
	if t.err != nil {
		return false, t.err
	}
	s, err := t.connection.prepare(query)
	if err != nil {
		return false, t.fail(err)
	}
	err = s.QueryRowContext(context.Background(), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, t.fail(err)
}

// query calls scan for each row of a query.
func (t *tx) query(query string, args []any, scan func(*sql.Rows) error) error {
	if t.err != nil {
		return t.err
	}
	s, err := t.connection.prepare(query)
	if err != nil {
		return t.fail(err)
	}
	rows, err := s.QueryContext(context.Background(), args...)
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

// touch writes a few pages, as a delivery does, to see whether there is room for one. They are the same ones each time.
func touch(t *tx) error {
	_, err := t.exec(`INSERT INTO meta (key, value) VALUES ('touched', hex(randomblob(16384)))
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`)
	return err
}
