package sqlite

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"dora-exporter/dora"
)

// limit bounds the size of the database on the writer's connection, as a full disk would.
func limit(t *testing.T, s *Store, pages int) {
	t.Helper()
	err := s.update(t.Context(), func(t *tx) error {
		var got int
		_, err := t.queryRow(fmt.Sprintf("PRAGMA max_page_count = %d", pages), nil, &got)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFullDisk(t *testing.T) {
	s := openStore(t)
	accept(t, s, "before")
	limit(t, s, 1) // SQLite takes the present size instead
	large := delivery("large")
	large.Event.Status.State = strings.Repeat("x", 1<<20)
	for range 3 {
		if _, err := s.Accept(t.Context(), large); resultCode(err) != sqlite3.SQLITE_FULL {
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
				return tx.Commits().SaveOrigin("x", dora.Origin{Unavailable: strings.Repeat("x", 1<<20)})
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
	if resultCode(errs[1]) != sqlite3.SQLITE_FULL || !errors.Is(errs[1], dora.ErrStoreFailing) {
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
		err := s.update(t.Context(), func(t *tx) error { return t.connection.conn.Close() })
		if err == nil || s.Err() == nil {
			t.Fatalf("the commit on a closed connection = %v, Err = %v", err, s.Err())
		}
		time.Sleep(probeInterval - time.Millisecond)
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
