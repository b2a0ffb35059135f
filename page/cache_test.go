package page

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A value is read by one caller at a time and cached for twenty times as long as reading it took; the last one is returned until
// there is another.
func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads, takes := 0, time.Second
		var trouble error
		k := newCache(5*time.Second, func(ctx context.Context) (int, error) {
			reads++
			select {
			case <-time.After(takes):
			case <-ctx.Done():
			}
			return reads, errors.Join(trouble, ctx.Err())
		})
		expect := func(want int, failed bool) {
			t.Helper()
			got, err := k.get(t.Context())
			if got != want || (err != nil) != failed {
				t.Errorf("%d, %v, want %d", got, err, want)
			}
		}
		leaving, leave := context.WithCancel(t.Context())
		go func() { _, _ = k.get(leaving) }()
		synctest.Wait()
		leave() // the value is cached all the same
		expect(1, false)
		time.Sleep(19 * time.Second)
		expect(1, false)
		time.Sleep(2 * time.Second)
		go func() { _, _ = k.get(t.Context()) }()
		synctest.Wait()
		expect(1, false) // while the next is read
		time.Sleep(2 * time.Second)
		expect(2, false)
		trouble = errors.New("no")
		time.Sleep(time.Minute)
		expect(2, true)
		trouble, takes = nil, time.Hour
		time.Sleep(time.Minute)
		began := time.Now()
		expect(2, true)
		if took := time.Since(began); took != readTimeout {
			t.Errorf("it took %s", took)
		}
		expect(2, true)
		if reads != 4 {
			t.Errorf("%d reads", reads)
		}
		takes = time.Second
		time.Sleep(time.Hour)
		go func() { _, _ = k.get(t.Context()) }()
		synctest.Wait()
		expect(5, false) // a value that old is not returned meanwhile
	})
}
