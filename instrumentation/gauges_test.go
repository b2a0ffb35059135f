package instrumentation

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"golang.org/x/sync/singleflight"
)

// A store that does not answer holds up no scrape for long, and gets one query at a time.
func TestSlowQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group singleflight.Group
		var calls atomic.Int64
		end := make(chan struct{})
		for range 3 {
			_, err := withinTimeout(&group, func() (Backlog, error) {
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
		if b, err := withinTimeout(&group, func() (Backlog, error) { return Backlog{Deliveries: 3}, nil }); err != nil || b.Deliveries != 3 {
			t.Errorf("afterwards: %v, %v", b, err)
		}
	})
}
