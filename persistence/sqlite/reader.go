package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"dora-exporter/internal/localfile"
	"dora-exporter/persistence/sqlstore"
)

// maxReadConns is how many queries may run at the same time.
const maxReadConns = 4

// Reader reads committed data from the database. It can't write.
type Reader struct {
	*sqlstore.Reader
	path string
	pool *pool
	// files are those that Backup has opened, and chunk is how many bytes it copies before it looks at its context again.
	files []*os.File
	chunk int64
}

// Close closes the database.
func (r *Reader) Close() error {
	errs := []error{r.Reader.Close()}
	for _, file := range r.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// OpenReader opens an existing database, with or without a server that uses it at the same time. The error is a message for the
// user, with a remedy.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no database %s; name the server's configuration with -config.file", path)
	}
	if err := localfile.CheckNames(path); err != nil {
		return nil, err
	}
	r, err := newReader(path)
	if err != nil {
		return nil, err
	}
	if err := r.checkVersion(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func newReader(path string) (*Reader, error) {
	return readerOf(path, newPool(maxReadConns, func(ctx context.Context) (*conn, error) {
		return connect(ctx, path, "ro", "query_only = 1", cacheSize(readCache))
	}))
}

// readerOf returns a reader with connections that it closes.
func readerOf(path string, pool *pool) (*Reader, error) {
	r, err := sqlstore.NewReader(databaseOf(path, pool))
	if err != nil {
		return nil, err
	}
	return &Reader{Reader: r, path: path, pool: pool, chunk: copyChunk}, nil
}

func databaseOf(path string, pool *pool) sqlstore.Database {
	return sqlstore.Database{Name: path, Connections: pool, Damaged: func(err error) error { return damaged(path, err) }}
}

// checkVersion refuses a database whose schema is older than the program's, or damaged.
func (r *Reader) checkVersion(ctx context.Context) error {
	return damaged(r.path, r.pool.use(ctx, func(c *conn) error {
		version, err := schemaVersion(c, r.path)
		if err == nil && version < len(sqlstore.Migrations) {
			err = fmt.Errorf("database %s has schema version %d and this program works with %d; start the server once with this version, "+
				"which brings it up to date", r.path, version, len(sqlstore.Migrations))
		}
		if err == nil {
			err = checkSchema(c, r.path, version)
		}
		return err
	}))
}

// queryRow scans the first row of a query; sql.ErrNoRows if there is none.
func (r *Reader) queryRow(ctx context.Context, query string, args []any, into ...any) error {
	return r.pool.use(ctx, func(c *conn) error { return c.queryRow(query, args, into...) })
}
