package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"dora-exporter/persistence/sqlstore"
)

// checkSchema compares the schema of a database with the one that the migrations to its version make. SQLite has it as text, and takes damaged
// text for another schema: another default, or a column of another name. What others have added, such as an index, is left alone.
func checkSchema(ctx context.Context, db *sql.DB, path string, version int) error {
	want, err := migratedSchema(ctx, version)
	if err != nil {
		return fmt.Errorf("make the schema of version %d: %w", version, err)
	}
	got, err := readSchema(ctx, db)
	if err != nil {
		return fmt.Errorf("read the schema of database %s: %w", path, damaged(path, err))
	}
	for _, object := range slices.Sorted(maps.Keys(want)) {
		if got[object] != want[object] {
			return &CorruptError{Path: path, What: fmt.Sprintf("its schema has another %s than version %d", object, version)}
		}
	}
	return nil
}

// migratedSchema returns the schema that the migrations to a version make.
func migratedSchema(ctx context.Context, version int) (_ map[string]string, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // each connection has a database of its own
	for _, migration := range sqlstore.Migrations[:version] {
		if _, err := db.ExecContext(ctx, migration); err != nil {
			return nil, err
		}
	}
	return readSchema(ctx, db)
}

// readSchema returns the statements that made the objects of a database, by kind and name.
func readSchema(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT type || ' ' || name, coalesce(sql, '') || ' of ' || tbl_name FROM sqlite_schema")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	objects := map[string]string{}
	for rows.Next() {
		var object, text string
		if err := rows.Scan(&object, &text); err != nil {
			return nil, err
		}
		objects[object] = text
	}
	return objects, rows.Err()
}
