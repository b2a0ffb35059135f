package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dora-exporter/config"
	"dora-exporter/enrichment"
	"dora-exporter/instrumentation"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlite"
	"dora-exporter/persistence/sqlstore"
)

// store is the open store of either engine.
type store struct {
	*sqlstore.Store
	close func() error
	// push is the lease on the push of metrics, pauses are those of calls to GitHub. Both are nil if this server alone uses the store.
	push   instrumentation.PushLease
	pauses enrichment.Pauses
	// writeConnections returns the state of the connections for writing; nil if the store is a file.
	writeConnections func() sqlstore.Pool
	// isShared reports whether other servers use the store; nil for a file, which no other server can use.
	isShared func() bool
	// newClock returns the store's clock for a machine.
	newClock func(context.Context, sqlstore.Machine) (clock, error)
	// machine is the clock that all processes share that use the store; nil if the machine's own serves.
	machine *sqlstore.Machine
	// await repeats what fails at a start because the database is not available; nil if the store is a file.
	await func(ctx context.Context, f func() error) error
	// failed is closed when the process must be started again, for the reason that Err returns; nil if that never happens.
	failed <-chan struct{}
}

// clock is the store's clock.
type clock interface {
	Now() time.Time
	Run(ctx context.Context)
}

// Close closes the store and its database.
func (s *store) Close() error { return s.close() }

// whileAway calls f, and again while it fails because the database is not available.
func (s *store) whileAway(ctx context.Context, f func() error) error {
	if s.await == nil {
		return f()
	}
	return s.await(ctx, f)
}

// openStore opens the configured store for writing, and waits so long for its database.
func openStore(ctx context.Context, c *config.Config, patience time.Duration, logger *slog.Logger) (*store, error) {
	if c.Storage.IsPostgreSQL() {
		return openPostgres(ctx, c, patience, logger)
	}
	s, err := sqlite.Open(ctx, c.Storage.Database, logger)
	if err != nil {
		return nil, err
	}
	return &store{Store: s.Store, close: s.Close, newClock: func(ctx context.Context, m sqlstore.Machine) (clock, error) {
		return sqlstore.NewClock(ctx, s.Store, m)
	}}, nil
}

func openPostgres(ctx context.Context, c *config.Config, patience time.Duration, logger *slog.Logger) (*store, error) {
	await := func(ctx context.Context, f func() error) error { return postgres.Await(ctx, patience, logger, f) }
	var s *postgres.Store
	err := await(ctx, func() (err error) {
		s, err = postgres.Open(ctx, c.Storage.Database, c.Storage.Schema, logger)
		return err
	})
	if err != nil {
		return nil, err
	}
	machine := s.Machine()
	return &store{
		Store: s.Store, close: s.Close, push: s, pauses: s, writeConnections: s.WriteConnections, machine: &machine, failed: s.Failed(),
		isShared: s.IsShared, await: await,
		newClock: func(ctx context.Context, _ sqlstore.Machine) (clock, error) { return s.NewClock(ctx) },
	}, nil
}

// openReader opens the configured store for reading.
func openReader(ctx context.Context, c *config.Config) (*sqlstore.Reader, error) {
	if c.Storage.IsPostgreSQL() {
		return postgres.OpenReader(ctx, c.Storage.Database, c.Storage.Schema)
	}
	r, err := sqlite.OpenReader(ctx, c.Storage.Database)
	if err != nil {
		return nil, err
	}
	return r.Reader, nil
}

// backUp copies the database file.
func backUp(ctx context.Context, c *config.Config, to string, check bool) (checked bool, err error) {
	if c.Storage.IsPostgreSQL() {
		return false, errors.New("the store is in PostgreSQL: back it up with pg_dump or the backups of the server")
	}
	r, err := sqlite.OpenReader(ctx, c.Storage.Database)
	if err != nil {
		return false, err
	}
	checked, err = r.Backup(ctx, to, check)
	return checked, errors.Join(err, r.Close())
}

// retryDeadLetters makes dead letters pending again.
func retryDeadLetters(ctx context.Context, c *config.Config, ids []int64) (int64, error) {
	if c.Storage.IsPostgreSQL() {
		return postgres.Retry(ctx, c.Storage.Database, c.Storage.Schema, ids...)
	}
	return sqlite.Retry(ctx, c.Storage.Database, ids...)
}
