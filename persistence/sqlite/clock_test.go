package sqlite

import (
	"context"
	"database/sql"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

// bubbleMachine is the clock of a bubble, with a wall clock that is wrong by step.
func bubbleMachine(step *atomic.Int64) Machine {
	start := time.Now()
	return Machine{
		Wall:    func() time.Time { return time.Now().Add(time.Duration(step.Load())) },
		Elapsed: func() time.Duration { return time.Since(start) },
	}
}

func newClock(t *testing.T, s *Store, step *atomic.Int64) *Clock {
	t.Helper()
	c, err := NewClock(t.Context(), s, bubbleMachine(step))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClockContinuesFromItsLastReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		accept(t, s, "a") // something waits
		var step atomic.Int64
		first := newClock(t, s, &step)
		start := first.Now()
		if !start.Equal(time.Now()) {
			t.Errorf("the clock starts at %s, want the wall time", start)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go first.Run(ctx)
		time.Sleep(time.Hour)
		step.Store(-int64(24 * time.Hour))
		time.Sleep(time.Hour)
		if got := first.Now().Sub(start); got != 2*time.Hour {
			t.Errorf("%s passed, want 2h", got)
		}
		killed := newClock(t, s, &step) // the reading that was saved last, a moment ago at most
		if got := killed.Now().Sub(start); got > 2*time.Hour || got < 2*time.Hour-clockSaveInterval {
			t.Errorf("after a kill %s have passed, want 2h, less %s at most", got, clockSaveInterval)
		}
		time.Sleep(2 * time.Second)
		cancel()
		synctest.Wait()
		time.Sleep(48 * time.Hour) // stopped
		if got := newClock(t, s, &step).Now().Sub(start); got != 2*time.Hour+2*time.Second {
			t.Errorf("after a stop %s have passed, want 2h0m2s", got)
		}
	})
}

// An idle server doesn't write.
func TestClockIsNotSavedWhileNothingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		var step atomic.Int64
		c := newClock(t, s, &step)
		go c.Run(t.Context())
		time.Sleep(time.Second)
		before, _, _, _ := s.clockReading(t.Context())
		time.Sleep(time.Hour)
		if after, _, _, err := s.clockReading(t.Context()); !after.Equal(before) || err != nil {
			t.Errorf("saved at %s and %s, error %v; want no write", before, after, err)
		}
		update(t, s, func(tx dora.Tx) error { return tx.Commits().AddLookup(dora.Lookup{Commit: dora.Commit{SHA: "a"}}) })
		time.Sleep(2 * clockSaveInterval)
		if after, _, _, err := s.clockReading(t.Context()); after.Equal(before) || err != nil {
			t.Errorf("not saved while a look-up waits, error %v", err)
		}
	})
}

// What is due is found in an index in the order in which it is needed.
func TestDueQueriesUseAnIndex(t *testing.T) {
	s := openStore(t)
	for query, index := range map[string]string{
		"SELECT event FROM deliveries " + pendingQuery:   "deliveries_due",
		"SELECT details FROM lookups " + dueLookupsQuery: "lookups_due",
		"SELECT key FROM evaluations " + dueDeployments:  "evaluations_first",
		"SELECT key FROM evaluations " + dueOthers:       "evaluations_due",
	} {
		var plan []string
		err := s.query(t.Context(), "EXPLAIN QUERY PLAN "+query, []any{1, 1}, func(rows *sql.Rows) error {
			var id, parent, unused int
			var detail string
			err := rows.Scan(&id, &parent, &unused, &detail)
			plan = append(plan, detail)
			return err
		})
		if err != nil || len(plan) != 1 || !strings.Contains(plan[0], "SEARCH") || !strings.Contains(plan[0], index+" (due<?)") {
			t.Errorf("%s: %q, error %v; want a search in %s alone", query, plan, err, index)
		}
	}
}
