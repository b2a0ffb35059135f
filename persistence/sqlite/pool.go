package sqlite

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"dora-exporter/persistence/sqlstore"
)

// pool has connections for reading.
type pool struct {
	// open opens another connection.
	open func(context.Context) (*conn, error)
	// free has room for as many connections as may be used at the same time, and holds one value for each that is not.
	free chan struct{}

	mu     sync.Mutex
	closed bool
	idle   []*conn
	// texts are those of the queries that were run outside of snapshots.
	texts  map[string]bool
	waits  int64
	waited time.Duration
}

// newPool returns a pool of at most a number of connections.
func newPool(size int, open func(context.Context) (*conn, error)) *pool {
	p := &pool{open: open, free: make(chan struct{}, size), texts: map[string]bool{}}
	for range size {
		p.free <- struct{}{}
	}
	return p
}

// take returns a connection, whose statements end with ctx. It waits until one is free.
func (p *pool) take(ctx context.Context) (*conn, error) {
	if err := p.wait(ctx); err != nil {
		return nil, err
	}
	c, err := p.next(ctx)
	if err != nil {
		p.free <- struct{}{}
		return nil, err
	}
	c.attach(ctx)
	return c, nil
}

// wait waits for a free connection.
func (p *pool) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-p.free:
		return nil
	default:
	}
	began := time.Now()
	p.countWait(1, 0)
	defer func() { p.countWait(0, time.Since(began)) }()
	select {
	case <-p.free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pool) countWait(waits int64, waited time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits += waits
	p.waited += waited
}

// next returns an idle connection, or another one. Nobody waits while that is opened.
func (p *pool) next(ctx context.Context) (*conn, error) {
	if c, err := p.pop(); c != nil || err != nil {
		return c, err
	}
	return p.open(ctx)
}

// pop returns an idle connection; nil if there is none.
func (p *pool) pop() (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	last := len(p.idle) - 1
	if last < 0 {
		return nil, nil
	}
	c := p.idle[last]
	p.idle = p.idle[:last]
	return c, nil
}

// put gives a connection back. One that can't be used any more is closed.
func (p *pool) put(c *conn) {
	usable := c.end()
	p.mu.Lock()
	if usable && !p.closed {
		p.idle = append(p.idle, c)
	} else {
		_ = c.Close() // it has only read
	}
	p.mu.Unlock()
	p.free <- struct{}{}
}

// use calls f with a connection.
func (p *pool) use(ctx context.Context, f func(*conn) error) error {
	c, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer p.put(c)
	return f(c)
}

// Query runs a query. Its connection is free again when the rows are closed.
func (p *pool) Query(ctx context.Context, query string, args []any) (sqlstore.Rows, error) {
	c, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	s, err := c.query(query, args)
	if err != nil {
		p.put(c)
		return nil, err
	}
	p.record(query)
	return &pooledRows{s, p}, nil
}

// record keeps the text of a query.
func (p *pool) record(query string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.texts) < maxStatements {
		p.texts[query] = true
	}
}

// pooledRows gives its connection back when it is closed.
type pooledRows struct {
	*statement
	pool *pool
}

// Close ends the query.
func (r *pooledRows) Close() error {
	if r.pool == nil {
		return nil
	}
	err := r.statement.Close()
	r.pool.put(r.conn)
	r.pool = nil
	return err
}

// Begin begins a transaction for reading.
func (p *pool) Begin(ctx context.Context) (sqlstore.Snapshot, error) {
	c, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.exec("BEGIN"); err != nil {
		p.put(c)
		return nil, err
	}
	return &snapshot{c, p}, nil
}

// snapshot is a transaction for reading.
type snapshot struct {
	conn *conn
	pool *pool
}

// Query runs a query in the transaction.
func (s *snapshot) Query(query string, args []any) (sqlstore.Rows, error) {
	return s.conn.query(query, args)
}

// Close ends the transaction.
func (s *snapshot) Close() error {
	if s.pool != nil {
		s.pool.put(s.conn)
		s.pool = nil
	}
	return nil
}

// State returns how many connections are used.
func (p *pool) State() sqlstore.Pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return sqlstore.Pool{Used: cap(p.free) - len(p.free), Idle: len(p.idle), Limit: cap(p.free), Waits: p.waits, Waited: p.waited}
}

// Statements returns the texts of the queries.
func (p *pool) Statements() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.texts))
}

// CloseIdle closes the connections that nobody uses.
func (p *pool) CloseIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.closeIdle() // they have only read
}

func (p *pool) closeIdle() error {
	var errs []error
	for _, c := range p.idle {
		errs = append(errs, c.Close())
	}
	p.idle = nil
	return errors.Join(errs...)
}

// Close closes the connections; those that are used when they are given back.
func (p *pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return p.closeIdle()
}
