package app

import (
	"context"
	"errors"

	"dora-exporter/config"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlite"
	"dora-exporter/persistence/sqlstore"
)

// Copy copies the configured store to another database, whole and compared: to a new SQLite file, or to a schema of PostgreSQL without
// records. No server may use the source. It returns the number of records.
func Copy(ctx context.Context, c *config.Config, to *config.Storage) (records int, err error) {
	from, release, err := openStopped(ctx, c)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, release()) }()
	fill := func(t sqlstore.Target) (err error) {
		records, err = from.Copy(ctx, t)
		return err
	}
	if to.IsPostgreSQL() {
		err = postgres.Create(ctx, to.Database, to.Schema, fill)
		return records, err
	}
	err = sqlite.Create(ctx, to.Database, fill)
	return records, err
}

// openStopped opens the configured store for reading while no server uses it.
func openStopped(ctx context.Context, c *config.Config) (r *sqlstore.Reader, release func() error, err error) {
	if c.Storage.IsPostgreSQL() {
		r, err := postgres.OpenStopped(ctx, c.Storage.Database, c.Storage.Schema)
		if err != nil {
			return nil, nil, err
		}
		return r, r.Close, nil
	}
	file, release, err := sqlite.OpenStopped(ctx, c.Storage.Database)
	if err != nil {
		return nil, nil, err
	}
	return file.Reader, release, nil
}
