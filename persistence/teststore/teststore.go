// Package teststore opens stores for tests of other packages: in SQLite, or in PostgreSQL if the variable TEST_POSTGRES has the URL of a
// database, where each path has a schema of its own until the end of the test.
package teststore

import (
	"log/slog"
	"testing"

	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlite"
	"dora-exporter/persistence/sqlstore"
)

// Store is an open store of either engine.
type Store struct {
	*sqlstore.Store
	close func() error
}

// Close closes the store and its database. Further calls do nothing.
func (s *Store) Close() error { return s.close() }

// Open opens the store of a path, which is created if it does not exist. The caller closes it.
func Open(tb testing.TB, path string) *Store {
	tb.Helper()
	store, err := open(tb, path)
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

func open(tb testing.TB, path string) (*Store, error) {
	tb.Helper()
	logger := slog.New(slog.DiscardHandler)
	if InPostgres() {
		url, schema := Schema(tb, path)
		s, err := postgres.OpenAlone(tb.Context(), url, schema, logger)
		if err != nil {
			return nil, err
		}
		return &Store{s.Store, s.Close}, nil
	}
	s, err := sqlite.Open(tb.Context(), path, logger)
	if err != nil {
		return nil, err
	}
	return &Store{s.Store, s.Close}, nil
}

// At opens the store of a path, and closes it at the end of the test.
func At(tb testing.TB, path string) *Store {
	tb.Helper()
	s := Open(tb, path)
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
	r, err := openReader(tb, path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = r.Close() })
	return r
}

func openReader(tb testing.TB, path string) (*sqlstore.Reader, error) {
	tb.Helper()
	if InPostgres() {
		url, schema := Schema(tb, path)
		return postgres.OpenReader(tb.Context(), url, schema)
	}
	r, err := sqlite.OpenReader(tb.Context(), path)
	if err != nil {
		return nil, err
	}
	return r.Reader, nil
}

// Retry makes all dead letters of the store of a path pending again.
func Retry(tb testing.TB, path string) (int64, error) {
	tb.Helper()
	if InPostgres() {
		url, schema := Schema(tb, path)
		return postgres.Retry(tb.Context(), url, schema)
	}
	return sqlite.Retry(tb.Context(), path)
}
