package app

import (
	"context"
	"log/slog"

	"dora-exporter/config"
	"dora-exporter/persistence/sqlite"
	"dora-exporter/persistence/sqlstore"
)

// store is the open store of either engine.
type store struct {
	*sqlstore.Store
	close func() error
}

// Close closes the store and its database.
func (s *store) Close() error { return s.close() }

// openStore opens the configured store for serving.
func openStore(ctx context.Context, c *config.Config, logger *slog.Logger) (*store, error) {
	s, err := sqlite.Open(ctx, c.Storage.Database, logger)
	if err != nil {
		return nil, err
	}
	return &store{s.Store, s.Close}, nil
}

// openReader opens the configured store for reading.
func openReader(ctx context.Context, c *config.Config) (*sqlstore.Reader, error) {
	r, err := sqlite.OpenReader(ctx, c.Storage.Database)
	if err != nil {
		return nil, err
	}
	return r.Reader, nil
}
