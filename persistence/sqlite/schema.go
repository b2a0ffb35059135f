package sqlite

import (
	"context"
	"database/sql"
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
	db, err := connect(path, "synchronous(FULL)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(damaged(path, err), db.Close()) }()
	db.SetMaxOpenConns(1)
	version, err := schemaVersion(ctx, db, path)
	if err != nil {
		return err
	}
	if err := useWAL(ctx, db, path); err != nil {
		return err
	}
	if version > 0 {
		if err := errors.Join(checkSchema(ctx, db, path, version), checkAtStart(ctx, db, path)); err != nil {
			return err
		}
	}
	for ; version < len(sqlstore.Migrations); version++ {
		if err := migrate(ctx, db, version); err != nil {
			return fmt.Errorf("migrate database %s to schema version %d: %w", path, version+1, err)
		}
	}
	return nil
}

// schemaVersion returns the schema version of the file, 0 for an empty file. It refuses files of other programs and newer versions.
func schemaVersion(ctx context.Context, db *sql.DB, path string) (version int, err error) {
	var application, tables int
	err = db.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).
		Scan(&application, &version, &tables)
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
func useWAL(ctx context.Context, db *sql.DB, path string) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return fmt.Errorf("open database %s: %w", path, err)
	}
	if mode != "wal" {
		return fmt.Errorf("database %s does not support a write-ahead log (its journal mode is %s); "+
			"set storage.database to a path on a local disk", path, mode)
	}
	return nil
}

// migrate migrates the schema from a version to the next. The first migration also creates the store's id.
func migrate(ctx context.Context, db *sql.DB, version int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if _, err := tx.ExecContext(ctx, sqlstore.Migrations[version]); err != nil {
		return err
	}
	if version == 0 {
		now := time.Now().UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
		_, err := tx.ExecContext(ctx, "INSERT INTO meta (key, value) VALUES ('store_id', ?), ('created', ?), ('started', ?)", uuid.NewString(), now, now)
		if err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, version+1))
	if err != nil {
		return err
	}
	return tx.Commit()
}
