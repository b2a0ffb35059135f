package instrumentation

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A store that does not answer holds up no scrape for long, and gets one query at a time.
func TestSlowQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var queries storeQueries
		var calls atomic.Int64
		end := make(chan struct{})
		for range 3 {
			_, err := withinTimeout(&queries, "backlog", func() (Backlog, error) {
				calls.Add(1)
				<-end
				return Backlog{}, context.Canceled
			})
			if !errors.Is(err, errSlowQuery) {
				t.Errorf("error is %v", err)
			}
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%d queries at once", n)
		}
		close(end)
		synctest.Wait()
		if b, err := withinTimeout(&queries, "backlog", func() (Backlog, error) { return Backlog{Deliveries: 3}, nil }); err != nil || b.Deliveries != 3 {
			t.Errorf("afterwards: %v, %v", b, err)
		}
	})
}

// The timeouts of several queries that hang don't add up, within a scrape or over those that follow. Others are waited for, and so is each
// one when the store answers again.
func TestHangingQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var queries storeQueries
		end := make(chan struct{})
		hang := func() (int, error) { <-end; return 0, nil }
		slowly := func(d time.Duration) func() (int, error) {
			return func() (int, error) { time.Sleep(d); return 7, nil }
		}
		begun := time.Now()
		for range 2 {
			for _, name := range []string{"a", "b", "c"} {
				if _, err := withinTimeout(&queries, name, hang); !errors.Is(err, errSlowQuery) {
					t.Errorf("error of a query that hangs is %v", err)
				}
			}
		}
		if d := time.Since(begun); d > 3*queryTimeout/2 {
			t.Errorf("two scrapes with three queries that hang take %s", d)
		}
		if n, err := withinTimeout(&queries, "d", slowly(hangingTimeout/2)); n != 7 || err != nil {
			t.Errorf("a query that is answered beside them: %d, %v", n, err)
		}
		close(end)
		synctest.Wait()
		if n, err := withinTimeout(&queries, "a", slowly(queryTimeout*8/10)); n != 7 || err != nil {
			t.Errorf("a slow query after they ended: %d, %v", n, err)
		}
	})
}
