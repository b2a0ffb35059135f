package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"dora-exporter/internal/lazyregexp"
)

// Table is a table with records, as Migrations create it. All engines have the same.
type Table struct {
	Name    string
	Columns []Column
}

// Column is a column of a Table.
type Column struct {
	Name string
	// Text is true if SQLite keeps texts in it, and not bytes, integers or numbers.
	Text bool
}

// Target is where Copy writes rows. Their values are int64, float64, []byte (also for texts) or nil.
type Target interface {
	// Insert adds rows to a table.
	Insert(ctx context.Context, t Table, rows [][]any) error
	// EachRow calls f with all rows of a table, also with those that Insert has added.
	EachRow(ctx context.Context, t Table, f func(values []any) error) error
}

// ownKeys are the keys in meta that each database has for itself.
var ownKeys = map[string]bool{"schema_version": true, TouchedKey: true}

// LastDelivery is a query for an id that no delivery has exceeded: storage.retention removes deliveries up to the id of a mark in arrivals.
// A copy gives higher ids to new deliveries.
const LastDelivery = "SELECT coalesce(max(id), 0) FROM (SELECT id FROM deliveries UNION ALL SELECT delivery FROM arrivals) AS known"

// copyBatch is how many rows are written at once.
const copyBatch = 500

// Copy copies all records to a target that has none, reads them there, and compares them. It returns their number. Work that waits is among
// them; leases are not.
func (r *Reader) Copy(ctx context.Context, to Target) (records int, err error) {
	err = r.Snapshot(ctx, func(r *Reader) error {
		for _, t := range Tables() {
			n, err := r.copyTable(ctx, t, to)
			if err != nil {
				return fmt.Errorf("copy the table %s of %s: %w", t.Name, r.path, err)
			}
			records += n
		}
		return nil
	})
	return records, err
}

func (r *Reader) copyTable(ctx context.Context, t Table, to Target) (records int, err error) {
	var batch [][]any
	var written, read rowsDigest
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := to.Insert(ctx, t, batch)
		batch = nil
		return err
	}
	err = r.EachRow(ctx, t, func(values []any) error {
		if t.Name == "meta" && ownKeys[string(values[0].([]byte))] {
			return nil
		}
		written.add(values)
		if batch = append(batch, values); len(batch) < copyBatch {
			return nil
		}
		return flush()
	})
	if err = errors.Join(err, flush()); err != nil {
		return 0, err
	}
	err = to.EachRow(ctx, t, func(values []any) error {
		if t.Name != "meta" || !ownKeys[string(values[0].([]byte))] {
			read.add(values)
		}
		return nil
	})
	if err == nil && written != read {
		err = fmt.Errorf("the copy differs: %d rows were written and %d are there", written.rows, read.rows)
	}
	return written.rows, err
}

// EachRow calls f with all rows of a table. The values are those of Target.
func (r *Reader) EachRow(ctx context.Context, t Table, f func(values []any) error) error {
	return r.query(ctx, t.Select(), nil, func(rows Rows) error {
		values, err := ScanRow(rows, len(t.Columns))
		if err != nil {
			return err
		}
		return f(values)
	})
}

// ScanRow returns the values of a row.
func ScanRow(rows Rows, columns int) ([]any, error) {
	values, into := make([]any, columns), make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	for i, v := range values {
		if text, ok := v.(string); ok {
			values[i] = []byte(text)
		}
	}
	return values, nil
}

// Select returns the query for all rows.
func (t Table) Select() string { return "SELECT " + strings.Join(t.names(), ", ") + " FROM " + t.Name }

func (t Table) names() []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// rowsDigest is a digest of rows in any order.
type rowsDigest struct {
	rows int
	sum  uint64
}

func (d *rowsDigest) add(values []any) {
	var row []byte
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			row = append(row, 'n')
		case int64:
			row = binary.BigEndian.AppendUint64(append(row, 'i'), uint64(v))
		case float64:
			row = binary.BigEndian.AppendUint64(append(row, 'f'), math.Float64bits(v))
		case []byte:
			row = append(binary.BigEndian.AppendUint64(append(row, 'b'), uint64(len(v))), v...)
		default:
			panic(fmt.Sprintf("a column has a value of type %T", v))
		}
	}
	sum := sha256.Sum256(row)
	d.rows, d.sum = d.rows+1, d.sum+binary.BigEndian.Uint64(sum[:])
}

var (
	createTable  = lazyregexp.New(`(?s)CREATE TABLE (\w+) \((.*?)\n\t\) STRICT`)
	createColumn = lazyregexp.New(`(?m)^\t\t([a-z_]+) +(INTEGER|TEXT|BLOB|REAL)\b`)
)

// Tables returns the tables that Migrations create.
func Tables() []Table {
	var all []Table
	for _, migration := range Migrations {
		for _, created := range createTable.FindAllStringSubmatch(migration, -1) {
			t := Table{Name: created[1]}
			for _, column := range createColumn.FindAllStringSubmatch(created[2], -1) {
				t.Columns = append(t.Columns, Column{Name: column[1], Text: column[2] == "TEXT"})
			}
			all = append(all, t)
		}
	}
	return all
}
