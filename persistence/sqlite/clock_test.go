package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
)

// bubbleMachine is the clock of a bubble, with a wall clock that is wrong by step.
func bubbleMachine(step *atomic.Int64) sqlstore.Machine {
	start := time.Now()
	return sqlstore.Machine{
		Wall:    func() time.Time { return time.Now().Add(time.Duration(step.Load())) },
		Elapsed: func() time.Duration { return time.Since(start) },
	}
}

func newClock(t *testing.T, s *Store, step *atomic.Int64) *sqlstore.Clock {
	t.Helper()
	c, err := sqlstore.NewClock(t.Context(), s.Store, bubbleMachine(step))
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
		if got := killed.Now().Sub(start); got > 2*time.Hour || got < 2*time.Hour-sqlstore.ClockSaveInterval {
			t.Errorf("after a kill %s have passed, want 2h, less %s at most", got, sqlstore.ClockSaveInterval)
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
		before, _, _, _ := s.ClockReading(t.Context())
		time.Sleep(time.Hour)
		if after, _, _, err := s.ClockReading(t.Context()); !after.Equal(before) || err != nil {
			t.Errorf("saved at %s and %s, error %v; want no write", before, after, err)
		}
		update(t, s, func(tx dora.Tx) error { return tx.Commits().AddLookup(dora.Lookup{Commit: dora.Commit{SHA: "a"}}) })
		time.Sleep(2 * sqlstore.ClockSaveInterval)
		if after, _, _, err := s.ClockReading(t.Context()); after.Equal(before) || err != nil {
			t.Errorf("not saved while a look-up waits, error %v", err)
		}
	})
}

// What is due is found in an index in the order in which it is needed.
func TestDueQueriesUseAnIndex(t *testing.T) {
	s := openStore(t)
	now := time.Now()
	_, _ = s.DeliveryQueue().Claim(t.Context(), now, time.Hour, 1)
	_, _ = s.LookupQueue().Claim(t.Context(), now, time.Hour, 1)
	_, _ = s.ComparisonQueue().Claim(t.Context(), now, time.Hour, 1)
	_, _ = s.EvaluationQueue().Claim(t.Context(), now, time.Hour, 1)
	found := 0
	for _, query := range s.Statements(t.Context()) {
		if !strings.Contains(query, "due <= ") {
			continue
		}
		found++
		plan, err := planOf(t.Context(), s, query)
		plan = slices.DeleteFunc(plan, func(step string) bool { // the limit
			return strings.HasPrefix(step, "SCALAR SUBQUERY") || step == "SCAN CONSTANT ROW"
		})
		if err != nil || len(plan) == 0 || !strings.Contains(plan[0], "SEARCH") || !strings.Contains(plan[0], "(due<?)") || strings.Contains(fmt.Sprint(plan), "TEMP") {
			t.Errorf("%s: %q, error %v; want a search in an index alone", query, plan, err)
		}
	}
	if found != 4 {
		t.Errorf("%d queries for what is due", found)
	}
}

// planOf returns the steps of a statement's plan.
func planOf(ctx context.Context, s *Store, statement string) (plan []string, err error) {
	err = s.reader.pool.use(ctx, func(c *conn) error {
		rows, err := c.prepare("EXPLAIN QUERY PLAN " + statement)
		if err != nil {
			return err
		}
		defer rows.Close()
		if err := rows.start(make([]any, rows.BindParamCount())); err != nil {
			return err
		}
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			plan = append(plan, step)
		}
		return rows.Err()
	})
	return plan, err
}
