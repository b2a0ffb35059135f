package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"zombiezen.com/go/sqlite"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
)

const abandoned = 1000

// abandon starts so many writes, waits until ready says that they have come as far as they should, cancels them, and
// returns their errors. All must return although release, which is called afterwards, has not let the committer go on.
func abandon(t *testing.T, s *Store, ready func() bool, release func()) []error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	errs := make([]error, abandoned)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() { _, errs[i] = s.Accept(ctx, delivery(fmt.Sprint("abandoned ", i))) })
	}
	waitFor(t, ready)
	cancel()
	wait.Wait()
	release()
	return errs
}

// hold has the committer run a change until release is called.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	held, end := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		_ = s.Update(context.Background(), func(dora.Tx) error { close(held); <-end; return nil })
	})
	<-held
	return func() { close(end); wait.Wait() }
}

// works checks that the store takes as many writes as were abandoned, and those of the program among them.
func works(t *testing.T, s *Store) {
	t.Helper()
	var wait sync.WaitGroup
	for i := range abandoned {
		wait.Go(func() {
			if _, err := s.Accept(t.Context(), delivery(fmt.Sprint("after ", i))); err != nil {
				t.Errorf("Accept = %v", err)
			}
		})
		if i%100 == 0 {
			wait.Go(func() { addFact(t, s, fmt.Sprint("after ", i)) })
		}
	}
	wait.Wait()
	if n := waiting(s); n > 0 {
		t.Errorf("%d writes are left in the queue", n)
	}
	if err := s.Err(); err != nil {
		t.Errorf("Err = %v", err)
	}
}

func stored(t *testing.T, s *Store) int {
	t.Helper()
	backlog, err := s.Backlog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return backlog.Deliveries
}

func allCanceled(t *testing.T, errs []error) {
	t.Helper()
	for _, err := range errs {
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("error of an abandoned write is %v", err)
		}
	}
}

func TestAbandonBeforeTheQueue(t *testing.T) {
	s := openStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var wait sync.WaitGroup
	for i := range abandoned {
		wait.Go(func() {
			if _, err := s.Accept(ctx, delivery(fmt.Sprint(i))); !errors.Is(err, context.Canceled) {
				t.Errorf("Accept = %v", err)
			}
		})
	}
	wait.Wait()
	if n := stored(t, s); n != 0 {
		t.Errorf("%d are stored", n)
	}
	works(t, s)
}

func TestAbandonInTheQueue(t *testing.T) {
	s := openStore(t)
	release := hold(t, s)
	allCanceled(t, abandon(t, s, func() bool { return waiting(s) == abandoned }, func() {
		if n := waiting(s); n != 0 {
			t.Errorf("%d abandoned writes are still in the queue", n)
		}
		release()
	}))
	if n := stored(t, s); n != 0 {
		t.Errorf("%d are stored", n)
	}
	works(t, s)
}

// Each write is abandoned while it runs, as part of a group.
func TestAbandonInTheGroup(t *testing.T) {
	s := openStore(t)
	for i := range abandoned {
		ctx, cancel := context.WithCancel(t.Context())
		err := s.Update(ctx, func(tx dora.Tx) error {
			cancel()
			_, err := tx.Facts().Add(fact(fmt.Sprint(i)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if last, err := s.LastPosition(t.Context()); err != nil || last != abandoned {
		t.Errorf("%d are stored, %v", last, err)
	}
	works(t, s)
}

// lockedElsewhere takes the database's lock for writing on a connection of its own, as another process would.
func lockedElsewhere(t *testing.T, s *Store) (release func()) {
	t.Helper()
	other, err := openConnection(s.path, writeCache)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if err := errors.Join(other.exec("ROLLBACK"), other.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestAbandonWhileLocked(t *testing.T) {
	s := openStore(t)
	release := lockedElsewhere(t, s)
	defer release()
	allCanceled(t, abandon(t, s, func() bool { return waiting(s) == abandoned }, release))
	if n := stored(t, s); n != 0 {
		t.Errorf("%d are stored", n)
	}
	works(t, s)
}

// holdCommits has the next commit hang until release is called.
func holdCommits(t *testing.T, s *Store) (hanging func() bool, release func()) {
	t.Helper()
	var armed, reached atomic.Bool
	end := make(chan struct{})
	err := s.Change(t.Context(), func(*sqlstore.Tx) error {
		c := s.engine.connection
		c.maxStatements = 0 // SQLite asks when it prepares a commit
		if prepared := c.statements["COMMIT"]; prepared != nil {
			delete(c.statements, "COMMIT")
			if err := prepared.Finalize(); err != nil {
				return err
			}
		}
		return c.SetAuthorizer(sqlite.AuthorizeFunc(func(a sqlite.Action) sqlite.AuthResult {
			if a.Type() == sqlite.OpTransaction && a.Operation() == "COMMIT" && armed.Load() && !reached.Swap(true) {
				<-end
			}
			return sqlite.AuthResultOK
		}))
	})
	if err != nil {
		t.Fatal(err)
	}
	armed.Store(true)
	return reached.Load, func() { close(end) }
}

func TestAbandonDuringTheCommit(t *testing.T) {
	s := openStore(t)
	hanging, release := holdCommits(t, s)
	allCanceled(t, abandon(t, s, hanging, release))
	waitFor(t, func() bool {
		writes, _ := s.Writes()
		return writes.Stalled == 0
	})
	claimed := stored(t, s)
	if claimed == 0 || claimed > abandoned {
		t.Errorf("%d are stored", claimed)
	}
	for i := range abandoned { // the senders try again
		if duplicate, err := s.Accept(t.Context(), delivery(fmt.Sprint("abandoned ", i))); err != nil {
			t.Fatal(err)
		} else if duplicate {
			claimed--
		}
	}
	if n := stored(t, s); claimed != 0 || n != abandoned {
		t.Errorf("%d are stored, %d were and are not known as duplicates", n, claimed)
	}
	works(t, s)
}

func TestAbandonAtTheStop(t *testing.T) {
	s := openStore(t)
	release := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for i := range abandoned {
		wait.Go(func() {
			_, err := s.Accept(ctx, delivery(fmt.Sprint(i)))
			if !errors.Is(err, context.Canceled) && !errors.Is(err, sqlstore.ErrClosed) {
				t.Errorf("error of an abandoned write is %v", err)
			}
		})
	}
	waitFor(t, func() bool { return waiting(s) == abandoned })
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	cancel()
	wait.Wait() // although the committer is still held
	release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	s = reopenStore(t, s.path)
	if n := stored(t, s); n != 0 {
		t.Errorf("%d are stored", n)
	}
	works(t, s)
}

// Too many deliveries are refused at once; the program's own writes are not.
func TestOverload(t *testing.T) {
	s := openStore(t)
	release := hold(t, s)
	var wait sync.WaitGroup
	for i := range sqlstore.MaxWaiting {
		wait.Go(func() { accept(t, s, fmt.Sprint(i)) })
	}
	waitFor(t, func() bool { return waiting(s) == sqlstore.MaxWaiting })
	if _, err := s.Accept(t.Context(), delivery("too many")); !errors.Is(err, sqlstore.ErrOverloaded) {
		t.Errorf("Accept = %v", err)
	}
	wait.Go(func() { addFact(t, s, "own") })
	waitFor(t, func() bool { return waiting(s) == sqlstore.MaxWaiting+1 })
	release()
	wait.Wait()
	accept(t, s, "afterwards")
	if n := stored(t, s); n != sqlstore.MaxWaiting+1 {
		t.Errorf("%d are stored, want %d", n, sqlstore.MaxWaiting+1)
	}
}
