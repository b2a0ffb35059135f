package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"dora-exporter/persistence/sqlstore"
)

// applicationID marks the file as a database of dora-exporter: "dora". https://sqlite.org/pragma.html#pragma_application_id
const applicationID = 0x646f7261

// prepare checks the database file and brings its schema up to date.
func prepare(ctx context.Context, path string) (err error) {
	c, err := connect(ctx, path, "rw", "synchronous = FULL", cacheSize(checkCache))
	if err != nil {
		return damaged(path, err)
	}
	c.attach(ctx)
	defer func() { err = errors.Join(damaged(path, err), c.Close()) }()
	version, err := schemaVersion(c, path)
	if err != nil {
		return err
	}
	if err := useWAL(c, path); err != nil {
		return err
	}
	if version > 0 {
		if err := errors.Join(checkSchema(c, path, version), checkAtStart(ctx, c, path)); err != nil {
			return err
		}
	}
	for ; version < len(sqlstore.Migrations); version++ {
		if err := migrate(c, version); err != nil {
			return fmt.Errorf("migrate database %s to schema version %d: %w", path, version+1, err)
		}
	}
	return nil
}

// schemaVersion returns the schema version of the file, 0 for an empty file. It refuses files of other programs and newer versions.
func schemaVersion(c *conn, path string) (version int, err error) {
	var application, tables int
	err = c.queryRow(`SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`, nil, &application, &version, &tables)
	switch {
	case err != nil:
		return 0, fmt.Errorf("open database %s: %w", path, err)
	case tables > 0 && application != applicationID:
		return 0, fmt.Errorf("database %s belongs to another program; set storage.database to another path", path)
	case version > len(sqlstore.Migrations):
		return 0, fmt.Errorf("database %s has schema version %d and this program knows versions up to %d; "+
			"start the newer dora-exporter that wrote it, or restore a backup made before that one was started",
			path, version, len(sqlstore.Migrations))
	}
	return version, nil
}

// useWAL switches the file to a write-ahead log, permanently.
func useWAL(c *conn, path string) error {
	var mode string
	if err := c.queryRow("PRAGMA journal_mode = WAL", nil, &mode); err != nil {
		return fmt.Errorf("open database %s: %w", path, err)
	}
	if mode != "wal" {
		return fmt.Errorf("database %s does not support a write-ahead log (its journal mode is %s); "+
			"set storage.database to a path on a local disk", path, mode)
	}
	return nil
}

// migrate migrates the schema from a version to the next. The first migration also creates the store's id.
func migrate(c *conn, version int) error {
	return c.inTransaction(func() error {
		if err := c.script(sqlstore.Migrations[version]); err != nil {
			return err
		}
		if version == 0 {
			for key, value := range sqlstore.FirstMeta(uuid.NewString(), time.Now()) {
				if err := c.exec(sqlstore.InsertMeta, sqlstore.MetaRow(key, value)...); err != nil {
					return err
				}
			}
		}
		return c.script(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, version+1))
	})
}
