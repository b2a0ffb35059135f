package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// readAll returns the rows of a query; records names them in errors.
func readAll[T any](ctx context.Context, r *Reader, records, query string, args []any, scan func(Rows) (T, error)) ([]T, error) {
	return collect(r.queryFunc(ctx), records, query, args, scan)
}

// readAllIn does the same in a transaction.
func readAllIn[T any](t *tx, records, query string, args []any, scan func(Rows) (T, error)) ([]T, error) {
	return collect(t.query, records, query, args, scan)
}

// queryFunc calls scan for each row of a query, in a transaction or on a reading connection.
type queryFunc func(query string, args []any, scan func(Rows) error) error

func (r *Reader) queryFunc(ctx context.Context) queryFunc {
	return func(query string, args []any, scan func(Rows) error) error {
		return r.query(ctx, query, args, scan)
	}
}

// collect does the same with either.
func collect[T any](run queryFunc, records, query string, args []any, scan func(Rows) (T, error)) ([]T, error) {
	var all []T
	err := run(query, args, func(rows Rows) error {
		row, err := scan(rows)
		all = append(all, row)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", records, err)
	}
	return all, nil
}

// firstRow returns the first of some rows; false if there is none.
func firstRow[T any](all []T, err error) (T, bool, error) {
	if err != nil || len(all) == 0 {
		var none T
		return none, false, err
	}
	return all[0], true, nil
}

// maxInserted is how many rows a statement inserts at most: each number of rows is another statement.
const maxInserted = 16

// rowInsert inserts rows into a table.
type rowInsert struct {
	// columns is the number of values of a row.
	columns int
	// statements has the statement for each number of rows, beginning with one.
	statements [maxInserted]string
}

// newRowInsert returns what inserts the rows that a statement inserts one of.
func newRowInsert(statement string) (all rowInsert) {
	all.columns = strings.Count(statement, "?")
	row := "(" + placeholders(all.columns) + ")"
	for more := range all.statements {
		all.statements[more] = strings.Replace(statement, row, row+strings.Repeat(", "+row, more), 1)
	}
	return all
}

// insertRows inserts rows, whose values follow one another, with as few statements as it can.
func (t *tx) insertRows(into *rowInsert, values []any) error {
	for chunk := range slices.Chunk(values, maxInserted*into.columns) {
		if err := t.send(into.statements[len(chunk)/into.columns-1], chunk...); err != nil {
			return err
		}
	}
	return nil
}

// scanText scans a row of one text.
func scanText(rows Rows) (text string, err error) {
	err = rows.Scan(&text)
	return text, err
}

func scanTime(rows Rows) (time.Time, error) {
	var millis int64
	err := rows.Scan(&millis)
	return fromMillis(millis), err
}
