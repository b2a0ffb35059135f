// Package postgres keeps a store in a schema of a PostgreSQL database, which several processes, the replicas, have open at the same
// time. See docs/postgres.md.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"dora-exporter/persistence/sqlstore"
)

const (
	// minVersion is the oldest version of PostgreSQL.
	minVersion = 13
	// maxReadConns is how many queries may run at the same time, maxWriteConns how many connections the writer, the inbox and the
	// poll need, with one for a commit whose outcome is unknown, and one for what replicas tell each other.
	maxReadConns  = 4
	maxWriteConns = 5
)

// Store is a store in PostgreSQL. All replicas see the same.
type Store struct {
	*sqlstore.Store
	engine *engine
	// seen is what other processes had committed when the store was opened.
	seen       polled
	polling    sync.WaitGroup
	othersPush othersPush

	closing  sync.Once
	closeErr error
}

// Open connects to a database by a URL or libpq's connection string, whose gaps libpq's variables fill, and creates or migrates the
// schema. The error is a message for the user, with a remedy and without the password.
func Open(ctx context.Context, url, schema string, logger *slog.Logger) (*Store, error) {
	s, err := OpenAlone(ctx, url, schema, logger)
	if err != nil {
		return nil, err
	}
	s.polling.Go(s.poll)
	return s, nil
}

// OpenAlone is Open for a process that has the store to itself: it does not look for what others commit.
func OpenAlone(ctx context.Context, url, schema string, logger *slog.Logger) (*Store, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	name := nameOf(config, schema)
	if err := prepareSchema(ctx, config, name, schema, logger); err != nil { // a migration takes as long as it needs
		return nil, explained(name, schema, err)
	}
	start, cancel := answering(ctx)
	defer cancel()
	reader, err := newReader(config, name, schema)
	if err != nil {
		return nil, err
	}
	s := &Store{engine: newEngine(name, schema, connectPipelined(config, maxWriteConns), logger)}
	if err := s.open(start, reader, logger); err != nil {
		return nil, explained(name, schema, errors.Join(err, s.Close()))
	}
	return s, nil
}

// open registers the process and opens the records.
func (s *Store) open(ctx context.Context, reader *sqlstore.Reader, logger *slog.Logger) (err error) {
	if err := s.engine.register(ctx); err != nil {
		return errors.Join(err, reader.Close())
	}
	if s.seen, err = s.engine.look(ctx); err != nil { // which sets the clock
		return errors.Join(err, reader.Close())
	}
	s.Store, err = sqlstore.Open(ctx, reader, s.engine, logger)
	return err
}

// WriteConnections returns the state of the connections for writing.
func (s *Store) WriteConnections() sqlstore.Pool { return poolOf(s.engine.db) }

// Failed returns a channel that is closed when the database has lost transactions that this process has seen. The process must be
// started again then; Err returns why.
func (s *Store) Failed() <-chan struct{} { return s.engine.failed }

// Close commits the current group, fails waiting writes with sqlstore.ErrClosed, and closes the connections. Further calls return the
// same result.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.engine.stopping)
		if s.Store != nil {
			s.closeErr = s.Store.Close()
			s.engine.leave()
		}
		s.engine.cancel()
		s.polling.Wait()
		s.closeErr = errors.Join(s.closeErr, s.engine.inbox.close(), s.engine.db.Close())
	})
	return s.closeErr
}

// ErrNoTables is in the error of OpenReader if no server has used the schema yet.
var ErrNoTables = errors.New("has no tables yet, the server creates them")

// OpenReader connects to a database for reading, whose schema must be there.
func OpenReader(ctx context.Context, url, schema string) (*sqlstore.Reader, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	name := nameOf(config, schema)
	start, cancel := answering(ctx)
	defer cancel()
	if err := checkSchema(start, config, name, schema); err != nil {
		return nil, explained(name, schema, err)
	}
	return newReader(config, name, schema)
}

func connect(config *pgx.ConnConfig, maxConns int) *sql.DB {
	return limitConns(stdlib.OpenDB(*config), maxConns)
}

func limitConns(db *sql.DB, maxConns int) *sql.DB {
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	return db
}

func newReader(config *pgx.ConnConfig, name, schema string) (*sqlstore.Reader, error) {
	return sqlstore.NewReader(sqlstore.Database{
		Name: name, Connections: connections{connect(config, maxReadConns), &dialect{schema: quoted(schema)}},
		Damaged: func(err error) error { return readError(name, err) },
	})
}

// prepareSchema checks the server and creates or migrates the schema.
func prepareSchema(ctx context.Context, config *pgx.ConnConfig, name, schema string, logger *slog.Logger) error {
	return withConn(ctx, config, name, func(conn *pgx.Conn) error {
		return prepare(ctx, conn, &dialect{schema: quoted(schema)}, name, schema, logger)
	})
}

// checkSchema refuses a schema that is missing, or older or newer than this program's.
func checkSchema(ctx context.Context, config *pgx.ConnConfig, name, schema string) error {
	return withConn(ctx, config, name, func(conn *pgx.Conn) error {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(ctx) //nolint:errcheck // nothing was written
		version, err := schemaVersion(ctx, tx, &dialect{schema: quoted(schema)}, name, schema)
		if err == nil && version == 0 {
			return fmt.Errorf("%s %w", name, ErrNoTables)
		}
		if err == nil && version < len(sqlstore.Migrations) {
			err = fmt.Errorf("%s has schema version %d and this program works with %d; start the server once with this version, "+
				"which brings it up to date", name, version, len(sqlstore.Migrations))
		}
		return err
	})
}

// withConn calls f with a connection to a server whose version is known to be supported.
func withConn(ctx context.Context, config *pgx.ConnConfig, name string, f func(*pgx.Conn) error) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if version := serverVersion(conn); version < minVersion {
		return fmt.Errorf("%s has PostgreSQL %d, and %d or later is needed", name, version, minVersion)
	}
	return f(conn)
}

// serverVersion returns the major version of the server.
func serverVersion(conn *pgx.Conn) int {
	text := conn.PgConn().ParameterStatus("server_version")
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	version, _ := strconv.Atoi(text[:end])
	return version
}
