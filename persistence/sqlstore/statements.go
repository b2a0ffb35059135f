package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"sync"
)

// maxStatements bounds the memory of statements: queries with lists of values have many texts.
const maxStatements = 200

// statements keeps the queries of a pool of connections or a transaction prepared: parsing and planning a query takes longer than reading a
// row by its key.
type statements struct {
	db queryable

	mu      sync.Mutex
	byQuery map[string]statement
}

// queryable is a *sql.DB or *sql.Tx.
type queryable interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func newStatements(db queryable) *statements {
	return &statements{db: db, byQuery: map[string]statement{}}
}

// statement is prepared once and closed with its connection.
type statement struct{ *sql.Stmt }

// query runs a query.
func (s *statements) query(ctx context.Context, query string, args []any) (Rows, error) {
	prepared, err := s.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	if prepared.Stmt == nil {
		return s.db.QueryContext(ctx, query, args...)
	}
	return prepared.QueryContext(ctx, args...)
}

// prepare returns a prepared query; one without a Stmt if there are too many.
func (s *statements) prepare(ctx context.Context, query string) (statement, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if prepared, ok := s.byQuery[query]; ok || len(s.byQuery) >= maxStatements {
		return prepared, nil
	}
	prepared, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return statement{}, err
	}
	s.byQuery[query] = statement{prepared}
	return statement{prepared}, nil
}

// texts returns the texts of the queries.
func (s *statements) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.byQuery))
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, prepared := range s.byQuery {
		errs = append(errs, prepared.Close())
	}
	clear(s.byQuery)
	return errors.Join(errs...)
}
