package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"

	"dora-exporter/persistence/sqlstore"
)

// maxUnsent bounds the memory of statements that wait for the next query.
const maxUnsent = 256

// pipelined is a driver connection that queues statements whose results nobody reads, and sends them together with the next statement, in
// one round trip.
type pipelined struct {
	*stdlib.Conn
	unsent *pgx.Batch
	// checks has, by statement of unsent, the error if it does not change one row; nil if it may change any number.
	checks []error
	// changed is true if a queued statement has changed rows since the last flush.
	changed bool
}

// pipelinedConnector makes pipelined connections.
type pipelinedConnector struct{ driver.Connector }

func (c pipelinedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &pipelined{Conn: conn.(*stdlib.Conn), unsent: &pgx.Batch{}}, nil
}

// connectPipelined returns a pool of pipelined connections.
func connectPipelined(config *pgx.ConnConfig, maxConns int) *sql.DB {
	return limitConns(sql.OpenDB(pipelinedConnector{stdlib.GetConnector(*config)}), maxConns)
}

// pipelinedConn returns the connection below that of database/sql.
func pipelinedConn(conn *sql.Conn) (raw *pipelined, err error) {
	err = conn.Raw(func(driver any) error {
		raw = driver.(*pipelined)
		return nil
	})
	return raw, err
}

// queue queues a statement. The next statement that is sent returns its error, or otherwise if that is not nil and the queued statement does
// not change one row.
func (c *pipelined) queue(otherwise error, query string, args ...any) error {
	c.unsent.Queue(query, args...)
	c.checks = append(c.checks, otherwise)
	if c.unsent.Len() < maxUnsent {
		return nil
	}
	return c.send(context.Background()).Close()
}

// flush sends the queued statements, and reports whether such statements have changed rows since the last flush.
func (c *pipelined) flush() (changed bool, err error) {
	if c.unsent.Len() > 0 {
		err = c.send(context.Background()).Close()
	}
	changed, c.changed = c.changed, false
	return changed, err
}

// forget drops the queued statements.
func (c *pipelined) forget() { c.unsent, c.checks, c.changed = &pgx.Batch{}, nil, false }

// isChecked reports whether a queued statement has to change one row.
func (c *pipelined) isChecked() bool {
	return slices.ContainsFunc(c.checks, func(otherwise error) bool { return otherwise != nil })
}

// send sends the queued statements and returns their results.
func (c *pipelined) send(ctx context.Context) *pipelinedResults {
	batch, checks := c.unsent, c.checks
	c.unsent, c.checks = &pgx.Batch{}, nil
	return &pipelinedResults{BatchResults: c.Conn.Conn().SendBatch(ctx, batch), conn: c, checks: checks}
}

// ExecContext sends a statement behind the queued ones.
func (c *pipelined) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.unsent.Len() == 0 {
		return c.Conn.ExecContext(ctx, query, args)
	}
	tag, err := c.exec(ctx, query, values(args)...)
	return driver.RowsAffected(tag.RowsAffected()), err
}

// exec sends a statement behind the queued ones.
func (c *pipelined) exec(ctx context.Context, query string, args ...any) (tag pgconn.CommandTag, err error) {
	results := c.sendWith(ctx, query, args...)
	if err := results.skip(1); err != nil {
		return tag, err
	}
	tag, err = results.Exec()
	if closeErr := results.BatchResults.Close(); err == nil {
		err = closeErr
	}
	return tag, err
}

// QueryContext sends a query behind the queued statements.
func (c *pipelined) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.unsent.Len() == 0 {
		return c.Conn.QueryContext(ctx, query, args)
	}
	results := c.sendWith(ctx, query, values(args)...)
	if err := results.skip(1); err != nil {
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		_ = results.BatchResults.Close() // the first error is returned
		return nil, err
	}
	return &pipelinedRows{Rows: rows, results: results.BatchResults, types: c.Conn.Conn().TypeMap()}, nil
}

func (c *pipelined) sendWith(ctx context.Context, query string, args ...any) *pipelinedResults {
	c.unsent.Queue(query, args...)
	c.checks = append(c.checks, nil)
	return c.send(ctx)
}

func values(args []driver.NamedValue) []any {
	all := make([]any, len(args))
	for i, arg := range args {
		all[i] = arg.Value
	}
	return all
}

// pipelinedResults are the results of statements that were sent together.
type pipelinedResults struct {
	pgx.BatchResults
	conn *pipelined
	// checks are those of the statements whose results are to be read.
	checks []error
}

// skip reads the results up to the last ones. After an error, the results are closed.
func (r *pipelinedResults) skip(last int) error {
	for ; len(r.checks) > last; r.checks = r.checks[1:] {
		tag, err := r.Exec()
		if err == nil && tag.RowsAffected() != 1 {
			err = r.checks[0]
		}
		if err != nil {
			_ = r.BatchResults.Close() // the first error is returned
			return fmt.Errorf("%w: %w", sqlstore.ErrSent, err)
		}
		r.conn.changed = r.conn.changed || tag.RowsAffected() > 0
	}
	return nil
}

// Close reads all results.
func (r *pipelinedResults) Close() error {
	if err := r.skip(0); err != nil {
		return err
	}
	return r.BatchResults.Close()
}

// pipelinedRows are the rows of a query behind queued statements.
type pipelinedRows struct {
	pgx.Rows
	results pgx.BatchResults
	types   *pgtype.Map
}

func (r *pipelinedRows) Columns() []string {
	names := make([]string, len(r.FieldDescriptions()))
	for i, field := range r.FieldDescriptions() {
		names[i] = field.Name
	}
	return names
}

func (r *pipelinedRows) Close() error {
	r.Rows.Close()
	return r.results.Close()
}

func (r *pipelinedRows) Next(dest []driver.Value) (err error) {
	if !r.Rows.Next() {
		if err := r.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	for i, field := range r.FieldDescriptions() {
		if dest[i] = nil; r.RawValues()[i] == nil {
			continue
		}
		t, known := r.types.TypeForOID(field.DataTypeOID)
		if !known {
			dest[i] = string(r.RawValues()[i])
			continue
		}
		if dest[i], err = t.Codec.DecodeDatabaseSQLValue(r.types, field.DataTypeOID, field.Format, r.RawValues()[i]); err != nil {
			return err
		}
	}
	return nil
}
