// Package teststore opens stores for tests of other packages: in SQLite, or in PostgreSQL if the variable TEST_POSTGRES has the URL of a
// database, in a schema for each file name.
package teststore

import (
	"context"
	"fmt"
	"hash/crc64"
	"log/slog"
	"os"
	"testing"

	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlite"
	"dora-exporter/persistence/sqlstore"
)

// InPostgres reports whether stores are in PostgreSQL.
func InPostgres() bool { return url() != "" }

func url() string { return os.Getenv("TEST_POSTGRES") } //nolint:forbidigo // of tests alone

func schema(path string) string {
	return fmt.Sprintf("test_%016x", crc64.Checksum([]byte(path), crc64.MakeTable(crc64.ECMA)))
}

// Store is an open store of either engine.
type Store struct {
	*sqlstore.Store
	close func() error
}

// Close closes the store and its database. Further calls do nothing.
func (s *Store) Close() error { return s.close() }

// Open opens the store of a path, which is created if it does not exist. The caller closes it.
func Open(ctx context.Context, path string, logger *slog.Logger) (*Store, error) {
	if InPostgres() {
		s, err := postgres.Open(ctx, url(), schema(path), logger)
		if err != nil {
			return nil, err
		}
		return &Store{s.Store, s.Close}, nil
	}
	s, err := sqlite.Open(ctx, path, logger)
	if err != nil {
		return nil, err
	}
	return &Store{s.Store, s.Close}, nil
}

// At opens the store of a path, and closes it at the end of the test.
func At(tb testing.TB, path string) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// Reader opens the store of a path for reading, and closes it at the end of the test.
func Reader(tb testing.TB, path string) *sqlstore.Reader {
	tb.Helper()
	var r *sqlstore.Reader
	var err error
	if InPostgres() {
		r, err = postgres.OpenReader(tb.Context(), url(), schema(path))
	} else {
		var file *sqlite.Reader
		if file, err = sqlite.OpenReader(tb.Context(), path); err == nil {
			r = file.Reader
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = r.Close() })
	return r
}

// Retry makes all dead letters of the store of a path pending again.
func Retry(ctx context.Context, path string) (int64, error) {
	if InPostgres() {
		return postgres.Retry(ctx, url(), schema(path))
	}
	return sqlite.Retry(ctx, path)
}
