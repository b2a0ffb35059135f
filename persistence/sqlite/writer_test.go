package sqlite

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zombiezen.com/go/sqlite"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
)

var errRule = errors.New("a rule failed")

// together makes all changes wait while the writer is held up, so that they are committed as one group, in their order,
// and returns each one's error.
func together(t *testing.T, s *Store, changes ...func() error) []error {
	t.Helper()
	hold, held := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		_ = s.Update(context.Background(), func(dora.Tx) error { close(held); <-hold; return nil })
	})
	<-held
	errs := make([]error, len(changes))
	for i, change := range changes {
		wait.Go(func() { errs[i] = change() })
		waitFor(t, func() bool { return waiting(s) == i+1 })
	}
	close(hold)
	wait.Wait()
	return errs
}

// waiting returns how many writes wait for the committer.
func waiting(s *Store) int {
	writes, _ := s.Writes()
	return writes.Waiting
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !condition(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatal("waited for too long")
		}
	}
}

func TestGroupUndoesOnlyWhatFailed(t *testing.T) {
	var log bytes.Buffer
	s := openStoreLogging(t, &log)
	add := func(subject string, end func() error) func() error {
		return func() error {
			return s.Update(t.Context(), func(tx dora.Tx) error {
				if _, err := tx.Facts().Add(fact(subject)); err != nil {
					return err
				}
				return end()
			})
		}
	}
	fine := func() error { return nil }
	errs := together(
		t, s,
		add("a", fine),
		add("b", func() error { return errRule }),
		func() error { _, err := s.Accept(t.Context(), delivery("d")); return err },
		add("c", func() error { panic("a bug") }),
		func() error { // its error is swallowed
			return s.Update(t.Context(), func(dt dora.Tx) error {
				_, _ = dt.Facts().Add(fact("e"))
				_, _ = dt.(*sqlstore.Tx).Exec("INSERT INTO meta (key, value) VALUES ('store_id', '')")
				_, _ = dt.Facts().Add(fact("f"))
				return nil
			})
		},
		add("g", fine),
	)
	for i, failed := range []bool{false, true, false, true, true, false} {
		if (errs[i] != nil) != failed {
			t.Errorf("change %d: error is %v, want one: %v", i, errs[i], failed)
		}
	}
	if !errors.Is(errs[1], errRule) {
		t.Errorf("error is %v, want the rule's", errs[1])
	}
	if resultCode(errs[4]) != sqlite.ResultConstraint {
		t.Errorf("error is %v, want the constraint's", errs[4])
	}
	if !strings.Contains(log.String(), "a bug") || !strings.Contains(log.String(), "writer_test.go") {
		t.Errorf("log does not tell about the panic:\n%s", log.String())
	}
	facts, err := s.Facts(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(facts) != 2 || facts[0].Subject != "a" || facts[1].Subject != "g" {
		t.Errorf("facts are %v, want a and g", facts)
	}
	pendingAt(t, s, time.Now(), "d")
	if err := s.Err(); err != nil {
		t.Errorf("Err = %v, though the store works", err)
	}
}

// limit bounds the size of the database on the writer's connection, as a full disk would.
func limit(t *testing.T, s *Store, pages int) {
	t.Helper()
	err := s.Change(t.Context(), func(t *sqlstore.Tx) error {
		var got int
		_, err := t.QueryRow(fmt.Sprintf("PRAGMA max_page_count = %d", pages), nil, &got)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// largeText returns a megabyte that can't be compressed much.
func largeText() string {
	random := make([]byte, 1<<19)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	return hex.EncodeToString(random)
}

func TestFullDisk(t *testing.T) {
	s := openStore(t)
	accept(t, s, "before")
	limit(t, s, 1) // SQLite takes the present size instead
	large := delivery("large")
	large.Event.Status.State = largeText()
	for range 3 {
		if _, err := s.Accept(t.Context(), large); resultCode(err) != sqlite.ResultFull {
			t.Fatalf("Accept = %v, want a full disk", err)
		}
		if s.Err() == nil {
			t.Error("Err is nil on a full disk")
		}
	}
	addFact(t, s, "a") // this one fits
	if err := s.Err(); err != nil {
		t.Errorf("Err = %v after a write that worked", err)
	}

	limit(t, s, 1<<30)
	if duplicate, err := s.Accept(t.Context(), large); err != nil || duplicate {
		t.Errorf("Accept = %v, %v when there is room again", duplicate, err)
	}
	addFact(t, s, "b")
	if facts, err := s.Facts(t.Context(), 0, 10); err != nil || len(facts) != 2 {
		t.Errorf("Facts = %v, %v, want two", facts, err)
	}
}

// An update that does not fit on the disk must not take the deliveries of its group down with it.
func TestFullDiskKeepsWhatFits(t *testing.T) {
	s := openStore(t)
	accept(t, s, "before")
	limit(t, s, 1)
	runs := 0
	errs := together(
		t, s,
		func() error { _, err := s.Accept(t.Context(), delivery("a")); return err },
		func() error {
			return s.Update(t.Context(), func(tx dora.Tx) error {
				runs++
				return tx.Commits().SaveOrigin("x", dora.Origin{Unavailable: largeText()})
			})
		},
		func() error { _, err := s.Accept(t.Context(), delivery("b")); return err },
		func() error {
			return s.Update(t.Context(), func(tx dora.Tx) error { _, err := tx.Facts().Add(fact("c")); return err })
		},
	)
	if errs[0] != nil || errs[2] != nil || errs[3] != nil {
		t.Errorf("errors of what fits are %v, %v, %v", errs[0], errs[2], errs[3])
	}
	if resultCode(errs[1]) != sqlite.ResultFull || !errors.Is(errs[1], dora.ErrStoreFailing) || errors.Is(errs[1], dora.ErrTransactionFailing) {
		t.Errorf("error of what does not fit is %v", errs[1])
	}
	if runs != 2 {
		t.Errorf("the update ran %d times, want once in its group and once by itself", runs)
	}
	pendingAt(t, s, time.Now(), "before", "a", "b")
	if facts, err := s.Facts(t.Context(), 0, 10); err != nil || len(facts) != 1 {
		t.Errorf("Facts = %v, %v, want one", facts, err)
	}
}

// The store notices by itself that it can write again, since nobody sends anything to a server that is not ready.
func TestWriterTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		accept(t, s, "before")
		err := s.Change(t.Context(), func(*sqlstore.Tx) error { return s.engine.connection.Close() })
		if err == nil || s.Err() == nil {
			t.Fatalf("the commit on a closed connection = %v, Err = %v", err, s.Err())
		}
		time.Sleep(sqlstore.ProbeInterval - time.Millisecond)
		synctest.Wait()
		if s.Err() == nil {
			t.Error("Err is nil before the first try")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if err := s.Err(); err != nil {
			t.Errorf("Err = %v after the first try", err)
		}
		accept(t, s, "after")
	})
}

// What its caller no longer waits for is not begun.
func TestContextEndsWhileWaiting(t *testing.T) {
	s := openStore(t)
	hold, held := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		_ = s.Update(t.Context(), func(dora.Tx) error { close(held); <-hold; return nil })
	})
	<-held
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	go func() { _, err := s.Accept(ctx, delivery("a")); errs <- err }()
	go func() {
		errs <- s.Update(ctx, func(tx dora.Tx) error { _, err := tx.Facts().Add(fact("a")); return err })
	}()
	waitFor(t, func() bool { return waiting(s) == 2 })
	cancel()
	for range 2 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("answer is %v while the writer is held up", err)
		}
	}
	close(hold)
	wait.Wait()
	accept(t, s, "a")
	if empty, err := s.Empty(t.Context()); err != nil || !empty {
		t.Errorf("Empty = %v, %v", empty, err)
	}
}

// An update that has begun is waited for, since it uses its caller's memory.
func TestUpdateWaitsForItsFunction(t *testing.T) {
	s := openStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	value := 0
	err := s.Update(ctx, func(tx dora.Tx) error {
		cancel()
		time.Sleep(10 * time.Millisecond)
		value++
		_, err := tx.Facts().Add(fact("a"))
		return err
	})
	if err != nil || value != 1 {
		t.Errorf("Update = %v, value = %d", err, value)
	}
	if last, err := s.LastPosition(t.Context()); err != nil || last != 1 {
		t.Errorf("LastPosition = %d, %v", last, err)
	}
}

func TestCloseAnswersWhatWaits(t *testing.T) {
	s := reopenStore(t, filepath.Join(t.TempDir(), "store.db"))
	hold, held := make(chan struct{}), make(chan struct{})
	answers := make(chan error, 33)
	go func() {
		answers <- s.Update(t.Context(), func(tx dora.Tx) error {
			close(held)
			<-hold
			_, err := tx.Facts().Add(fact("under way"))
			return err
		})
	}()
	<-held
	for i := range 32 {
		go func() { _, err := s.Accept(t.Context(), delivery(fmt.Sprint(i))); answers <- err }()
	}
	waitFor(t, func() bool { return waiting(s) == 32 })
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	waitFor(t, func() bool { return waiting(s) == 0 }) // the queue is closed
	close(hold)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	stored := 0
	for range 33 {
		err := <-answers
		if err == nil {
			stored++
		} else if !errors.Is(err, sqlstore.ErrClosed) {
			t.Errorf("answer is %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("the second Close = %v", err)
	}
	if _, err := s.Accept(t.Context(), delivery("late")); !errors.Is(err, sqlstore.ErrClosed) {
		t.Errorf("Accept after Close = %v", err)
	}
	s = reopenStore(t, s.path)
	backlog, err := s.Backlog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.LastPosition(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if last != 1 || backlog.Deliveries+1 != stored {
		t.Errorf("%d facts and %d deliveries are stored, %d were answered so", last, backlog.Deliveries, stored)
	}
}
