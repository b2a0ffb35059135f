package sqlite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"dora-exporter/persistence/sqlstore"
)

// checkSchema compares the schema of a database with the one that the migrations to its version make. SQLite has it as text, and takes damaged
// text for another schema: another default, or a column of another name. What others have added, such as an index, is left alone.
func checkSchema(c *conn, path string, version int) error {
	want, err := migratedSchema(version)
	if err != nil {
		return fmt.Errorf("make the schema of version %d: %w", version, err)
	}
	got, err := readSchema(c)
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
func migratedSchema(version int) (_ map[string]string, err error) {
	c, err := connectTo(context.Background(), "in memory", ":memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for _, migration := range sqlstore.Migrations[:version] {
		if err := c.script(migration); err != nil {
			return nil, err
		}
	}
	return readSchema(c)
}

// readSchema returns the statements that made the objects of a database, by kind and name.
func readSchema(c *conn) (map[string]string, error) {
	rows, err := c.query("SELECT type || ' ' || name, coalesce(sql, '') || ' of ' || tbl_name FROM sqlite_schema", nil)
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
