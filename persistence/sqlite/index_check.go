package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dora-exporter/persistence/sqlstore"
)

// Indexes are compared with their tables in parts. PRAGMA integrity_check does the same, but in one statement, which takes a processor
// for seconds and keeps its read transaction open as long.

// checkedRows is how many rows are compared at once.
const checkedRows = 5000

// index is an index of a table.
type index struct {
	table, name string
	unique      bool
	// columns are its own, of which an expression begins with the name of a column; key those that identify a row of the table.
	columns, key []string
	// where is the condition of a partial index; empty if it has all rows.
	where string
	// rows says in SQL how to read the rows without an index. NOT INDEXED does not keep SQLite from reading those of a table without rowids from
	// another index, if that has all columns that are asked for.
	rows string
}

// checkIndexes compares the indexes of a table that are in a schema with the rows. It rests after each part, at least for a time.
func (r *Reader) checkIndexes(ctx context.Context, table string, schema map[string]string, least time.Duration) error {
	all, err := r.indexes(ctx, table, schema)
	if err != nil {
		return fmt.Errorf("read the indexes of %s: %w", table, damaged(r.path, err))
	}
	for _, x := range all {
		if err := errors.Join(r.countEntries(ctx, x, least), r.checkEntries(ctx, x, least)); err != nil {
			return fmt.Errorf("check %s in database %s: %w", x.name, r.path, damaged(r.path, err))
		}
	}
	return nil
}

// indexes returns the indexes of a table that are in a schema, except that in which a table without rowids keeps its rows.
func (r *Reader) indexes(ctx context.Context, table string, schema map[string]string) (all []index, err error) {
	key, err := r.strings(ctx, "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 AND (SELECT wr FROM pragma_table_list(?1)) ORDER BY pk", table)
	if err != nil {
		return nil, err
	}
	withoutRowID := len(key) > 0
	access := "INDEXED BY sqlite_autoindex_" + table + "_1" // that in which it keeps its rows
	if !withoutRowID {
		key, access = []string{"rowid"}, "NOT INDEXED"
	}
	names, err := r.strings(ctx, `SELECT name FROM pragma_index_list(?) WHERE origin <> 'pk' OR NOT ?`, table, withoutRowID)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, own := schema["index "+name]; !own {
			continue
		}
		x := index{table: table, name: name, key: key, rows: access}
		var text string
		err := r.queryRow(ctx, `SELECT "unique", coalesce((SELECT sql FROM sqlite_schema WHERE type = 'index' AND sqlite_schema.name = i.name), '')
			FROM pragma_index_list(?) AS i WHERE i.name = ?`, []any{table, name}, &x.unique, &text)
		if err != nil {
			return nil, err
		}
		_, x.where, _ = strings.Cut(text, " WHERE ")
		_, columns, _ := strings.Cut(text, "((")
		expression, _, _ := strings.Cut(columns, ")") // only a first column may be one; it has no name in pragma_index_info
		if x.columns, err = r.strings(ctx, "SELECT coalesce(name, ?) FROM pragma_index_info(?) ORDER BY seqno", expression, name); err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

// strings returns the texts of a query.
func (r *Reader) strings(ctx context.Context, query string, args ...any) (all []string, err error) {
	rows, err := r.pool.Query(ctx, query, args)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}

// countEntries compares the number of a partial index's entries with that of the rows that it must have. PRAGMA quick_check counts those of
// others.
func (r *Reader) countEntries(ctx context.Context, x index, least time.Duration) error {
	if x.where == "" {
		return nil
	}
	began := time.Now()
	var rows, entries int64
	query := fmt.Sprintf("SELECT (%s), (%s)", x.count(x.rows), x.count("INDEXED BY "+x.name))
	if err := r.queryRow(ctx, query, nil, &rows, &entries); err != nil {
		return err
	}
	if rows != entries {
		return &CorruptError{Path: r.path, What: fmt.Sprintf("index %s has %d entries for %d rows", x.name, entries, rows)}
	}
	return sqlstore.Rest(ctx, began, least)
}

// countPartial does so for all partial indexes, which PRAGMA integrity_check does not count either.
func (r *Reader) countPartial(ctx context.Context) error {
	schema, err := migratedSchema(len(sqlstore.Migrations))
	if err != nil {
		return fmt.Errorf("make the schema: %w", err)
	}
	for _, table := range tablesOf(schema) {
		all, err := r.indexes(ctx, table, schema)
		if err != nil {
			return err
		}
		for _, x := range all {
			if err := r.countEntries(ctx, x, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// count returns the query that counts the rows that a partial index must have, read in a way.
func (x index) count(access string) string {
	return fmt.Sprintf("SELECT count(*) FROM %s %s WHERE %s", x.table, access, x.where)
}

// checkEntries looks for rows that an index does not find, or finds more than once if it is unique.
func (r *Reader) checkEntries(ctx context.Context, x index, least time.Duration) error {
	var after []any
	for {
		began := time.Now()
		until, err := r.rowAfter(ctx, x, after)
		if err != nil {
			return err
		}
		query, args := x.missing(after, until)
		var missing int64
		if err := r.queryRow(ctx, query, args, &missing); err != nil {
			return err
		}
		if missing > 0 {
			return &CorruptError{Path: r.path, What: fmt.Sprintf("index %s lacks %d rows, or has them more than once", x.name, missing)}
		}
		if err := sqlstore.Rest(ctx, began, least); err != nil || until == nil {
			return err
		}
		after = until
	}
}

// rowAfter returns the key of the row that is checkedRows after another one, or after the beginning; nil if there is none.
func (r *Reader) rowAfter(ctx context.Context, x index, after []any) (key []any, err error) {
	keys := strings.Join(x.key, ", ")
	where := ""
	if after != nil {
		where = " WHERE (" + keys + ") > (" + parameters(len(after)) + ")"
	}
	key = make([]any, len(x.key))
	into := make([]any, len(x.key))
	for i := range key {
		into[i] = &key[i]
	}
	query := fmt.Sprintf("SELECT %[2]s FROM %[1]s %[5]s%[3]s ORDER BY %[2]s LIMIT 1 OFFSET %[4]d", x.table, keys, where, checkedRows-1, x.rows)
	err = r.queryRow(ctx, query, after, into...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return key, err
}

// missing returns the query that counts the rows between two keys that the index does not find, or finds a second time although it is
// unique. Each bound may be nil.
func (x index) missing(after, until []any) (query string, args []any) {
	row, entry := qualified("r", x.key), qualified("i", x.key)
	where := []string{"TRUE"}
	if after != nil {
		where = append(where, "("+row+") > ("+parameters(len(after))+")")
	}
	if until != nil {
		where = append(where, "("+row+") <= ("+parameters(len(until))+")")
	}
	var same, equal []string // with or without values that are NULL
	for _, column := range x.columns {
		same, equal = append(same, "i."+column+" IS r."+column), append(equal, "i."+column+" = r."+column)
	}
	if x.where != "" {
		where, same, equal = append(where, x.where), append(same, x.where), append(equal, x.where)
	}
	exists := func(conditions []string) string {
		return fmt.Sprintf("EXISTS (SELECT 1 FROM %s AS i INDEXED BY %s WHERE %s)", x.table, x.name, strings.Join(conditions, " AND "))
	}
	wrong := "NOT " + exists(append(same, "("+entry+") IS ("+row+")"))
	if x.unique {
		wrong += " OR " + exists(append(equal, "("+entry+") IS NOT ("+row+")"))
	}
	return fmt.Sprintf("SELECT count(*) FROM %s AS r %s WHERE %s AND (%s)", x.table, x.rows, strings.Join(where, " AND "), wrong), slices.Concat(after, until)
}

func qualified(table string, columns []string) string {
	return table + "." + strings.Join(columns, ", "+table+".")
}

// parameters returns n comma-separated ?.
func parameters(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
