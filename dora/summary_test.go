package dora

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var got []string
		s := NewSummary(time.Second, func(key string, n int, newest int) {
			got = append(got, fmt.Sprintf("%s %s: %d, newest %d", time.Since(began), key, n, newest))
		})
		for i := range 30 { // three seconds
			s.Add("a", i)
			if i%10 == 5 {
				s.Add("b", i)
			}
			time.Sleep(99 * time.Millisecond) // never at the end of an interval
		}
		time.Sleep(10 * time.Second)
		s.Add("a", 100) // after a pause it is the first again
		s.Add("a", 101)
		s.Flush()
		s.Flush()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		want := []string{
			"0s a: 1, newest 0",
			"495ms b: 1, newest 5",
			"1s a: 10, newest 10",
			"1.495s b: 1, newest 15",
			"2s a: 10, newest 20",
			"2.495s b: 1, newest 25",
			"3s a: 9, newest 29",
			"12.97s a: 1, newest 100",
			"12.97s a: 1, newest 101",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.open) != 0 {
			t.Errorf("%d keys are kept", len(s.open))
		}
	})
}

// Whatever the interleaving, the numbers reported add up to the occurrences.
func TestSummaryAddsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reported := 0
		s := NewSummary(time.Second, func(_ int, n int, _ struct{}) { reported += n })
		const each, adders = 500, 8
		done := make(chan struct{})
		for a := range adders {
			go func() {
				for i := range each {
					s.Add(i%3, struct{}{})
					time.Sleep(time.Duration(a*7+1) * time.Millisecond)
				}
				done <- struct{}{}
			}()
		}
		for range adders {
			<-done
		}
		s.Flush()
		if reported != each*adders {
			t.Errorf("%d reported, want %d", reported, each*adders)
		}
		time.Sleep(3 * time.Second)
	})
}
