package sqlite

import (
	"context"
	"errors"
	"testing"

	"dora-exporter/persistence/sqlstore"
)

func openPool(t *testing.T, size int) *pool {
	t.Helper()
	path := emptyFile(t)
	p := newPool(size, func(ctx context.Context) (*conn, error) { return connect(ctx, path, "rw") })
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestPoolIsFull(t *testing.T) {
	p := openPool(t, 1)
	rows, err := p.Query(t.Context(), "SELECT 1", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if _, err := p.Query(ctx, "SELECT 1", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a query without a free connection: %v", err)
	}
	got := p.State()
	if got.Used != 1 || got.Idle != 0 || got.Limit != 1 || got.Waits > 1 {
		t.Errorf("state %+v", got)
	}
	next := make(chan error)
	go func() {
		again, err := p.Query(t.Context(), "SELECT 2", nil)
		if err == nil {
			err = again.Close()
		}
		next <- err
	}()
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	if err := <-next; err != nil {
		t.Errorf("when it is free: %v", err)
	}
	if err := rows.Close(); err != nil { // a second time, which gives back nothing
		t.Error(err)
	}
	if got := p.State(); got.Used != 0 || got.Idle != 1 {
		t.Errorf("in the end %+v", got)
	}
}

// Nobody waits while a connection is opened.
func TestPoolOpensSlowly(t *testing.T) {
	path, opening, open := emptyFile(t), make(chan bool), make(chan bool)
	p := newPool(2, func(ctx context.Context) (*conn, error) {
		opening <- true
		<-open
		return connect(ctx, path, "rw")
	})
	ended := make(chan error)
	go func() { ended <- p.use(t.Context(), func(*conn) error { return nil }) }()
	<-opening
	if got := p.State(); got.Used != 1 || got.Idle != 0 {
		t.Errorf("while it is opened %+v", got)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	open <- true
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := p.State(); got.Used != 0 || got.Idle != 0 {
		t.Errorf("after it was closed meanwhile %+v", got)
	}
}

// A query that fails gives its connection back, and so does a transaction whose context has ended.
func TestPoolAfterFailures(t *testing.T) {
	p := openPool(t, 1)
	if _, err := p.Query(t.Context(), "SELECT missing", nil); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := p.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := beginReading(s); !errors.Is(err, context.Canceled) {
		t.Errorf("a query after the context: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("the end of the transaction: %v", err)
	}
	err = p.use(t.Context(), func(c *conn) error {
		if !c.AutocommitEnabled() {
			t.Error("the transaction goes on")
		}
		return c.exec("SELECT 1")
	})
	if err != nil {
		t.Error(err)
	}
}

// A transaction whose rows were not closed, and that is closed twice, leaves the pool as it was.
func TestSnapshotWithOpenRows(t *testing.T) {
	p := openPool(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := p.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"SELECT 1 UNION SELECT 2", "SELECT 1 UNION SELECT 2", "SELECT 3"} {
		if rows, err := s.Query(query, nil); err != nil || !rows.Next() {
			t.Fatal(err)
		}
	}
	cancel()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if err := p.use(t.Context(), func(c *conn) error { return c.exec("BEGIN") }); err != nil {
			t.Errorf("the next transaction: %v", err)
		}
	}
	if got := p.State(); got.Used != 0 || got.Idle != 1 {
		t.Errorf("in the end %+v", got)
	}
}

type panicking struct{}

func (panicking) Scan(any) error { panic("scanned") }

func TestPanicInScan(t *testing.T) {
	p := openPool(t, 1)
	func() {
		defer func() { _ = recover() }()
		_ = p.use(t.Context(), func(c *conn) error { return c.queryRow("SELECT 1", nil, panicking{}) })
	}()
	err := p.use(t.Context(), func(c *conn) error {
		if c.executing != 0 {
			t.Errorf("%d statements are executing", c.executing)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPoolClosed(t *testing.T) {
	p := openPool(t, 2)
	var open []sqlstore.Rows
	for range 2 {
		rows, err := p.Query(t.Context(), "SELECT 1", nil)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, rows)
	}
	if err := open[0].Close(); err != nil {
		t.Fatal(err)
	}
	p.CloseIdle()
	if got := p.State(); got.Used != 1 || got.Idle != 0 {
		t.Errorf("without idle connections %+v", got)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if !open[1].Next() || open[1].Err() != nil {
		t.Errorf("a query that had begun ends with %v", open[1].Err())
	}
	if err := open[1].Close(); err != nil {
		t.Error(err)
	}
	if got := p.State(); got.Used != 0 || got.Idle != 0 {
		t.Errorf("in the end %+v", got)
	}
	if _, err := p.Query(t.Context(), "SELECT 1", nil); !errors.Is(err, errClosed) {
		t.Errorf("a query: %v", err)
	}
}
