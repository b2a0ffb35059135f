package dora

import (
	"fmt"
	"testing"
	"time"
)

// Each step is a failure of a call, or an attempt that failed otherwise, at a minute; for is what the last one returns.
func TestFailingCalls(t *testing.T) {
	type step struct {
		at     int
		call   string // "-" for an interruption
		failed time.Duration
		waited time.Duration
	}
	const minute = time.Minute
	for _, test := range []struct {
		name  string
		steps []step
		want  time.Duration
	}{
		{"for the first time", []step{{at: 5, call: "a"}}, 0},
		{"for the first time, which took long", []step{{at: 5, call: "a", failed: 15 * time.Second}}, 15 * time.Second},
		{"again and again", []step{{at: 5, call: "a"}, {at: 6, call: "a"}, {at: 8, call: "a"}}, 3 * minute},
		{"after others", []step{{at: 1, call: "b"}, {at: 4, call: "b"}, {at: 5, call: "a"}, {at: 6, call: "a"}}, minute},
		{"with another in between", []step{{at: 1, call: "a"}, {at: 2, call: "b"}, {at: 3, call: "a"}}, 2 * minute},
		{"together with another", []step{{at: 1, call: "a"}, {at: 1, call: "b"}, {at: 4, call: "a"}, {at: 4, call: "b"}}, 3 * minute},
		{"with an outage in between", []step{{at: 1, call: "a"}, {at: 2, call: "a"}, {at: 3, call: "-"}, {at: 5, call: "a"}, {at: 6, call: "a"}}, 2 * minute},
		{"with an outage in another attempt's time", []step{{at: 1, call: "a"}, {at: 2, call: "-"}, {at: 3, call: "b"}, {at: 4, call: "a"}}, 0},
		{"with a wait for a rate limit", []step{{at: 1, call: "a"}, {at: 5, call: "a", waited: 3 * minute}}, minute},
		{"with a longer wait than the attempt", []step{{at: 1, call: "a"}, {at: 2, call: "a"}, {at: 3, call: "a", waited: 9 * minute}}, minute},
		{"with an hour in between", []step{{at: 1, call: "a"}, {at: 61, call: "a"}}, 5 * minute},
		{"with all of its repository", []step{{at: 1, call: "a"}, {at: 2, call: "a", failed: time.Hour}, {at: 3, call: "a"}}, time.Hour + minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			var f FailingCalls
			var got time.Duration
			start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
			for _, s := range test.steps {
				if s.call == "-" {
					f.Interrupt()
					continue
				}
				got = f.Add(&UnansweredError{Call: s.call, For: s.failed, Waited: s.waited}, start.Add(time.Duration(s.at)*minute))
			}
			if got != test.want {
				t.Errorf("it has failed for %s, want %s", got, test.want)
			}
		})
	}
}

// However many calls fail, all are given up in the end, and few are remembered.
func TestManyFailingCalls(t *testing.T) {
	var f FailingCalls
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for minute := range 61 {
		for i := range 2 * maxFailingCalls {
			got := f.Add(&UnansweredError{Call: fmt.Sprint(i)}, start.Add(time.Duration(minute)*time.Minute))
			if want := time.Duration(minute) * time.Minute; got != want {
				t.Fatalf("call %d has failed for %s, want %s", i, got, want)
			}
		}
	}
	if len(f) != maxFailingCalls+1 {
		t.Errorf("%d are remembered, want %d and one for the others", len(f), maxFailingCalls)
	}
	last := start.Add(time.Hour)
	if got := f.Longest(last); got != time.Hour {
		t.Errorf("the longest is %s, want an hour", got)
	}
	again := last.Add(time.Minute)
	f.Add(&UnansweredError{Call: "beyond the limit"}, again)
	if got := f.Longest(again); got != time.Hour+time.Minute {
		t.Errorf("the longest is %s, want the time that the calls beyond the limit share, 61 minutes", got)
	}
}

// A call that failed before, and not since, says nothing about the calls that fail now.
func TestLongestFailingCall(t *testing.T) {
	var f FailingCalls
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	f.Add(&UnansweredError{Call: "a"}, start)
	f.Add(&UnansweredError{Call: "b"}, start)
	f.Add(&UnansweredError{Call: "a"}, start.Add(2*time.Minute))
	f.Add(&UnansweredError{Call: "b"}, start.Add(time.Minute))
	for since, want := range map[time.Duration]time.Duration{0: 2 * time.Minute, 2 * time.Minute: 2 * time.Minute, 3 * time.Minute: 0} {
		if got := f.Longest(start.Add(since)); got != want {
			t.Errorf("since %s: %s, want %s", since, got, want)
		}
	}
	f.Add(&UnansweredError{Call: "b", For: time.Second}, start.Add(time.Hour)) // five minutes of the gap count
	if got := f.Longest(start.Add(time.Hour)); got != 6*time.Minute {
		t.Errorf("the call that fails again: %s, want 6 minutes", got)
	}
	f.Interrupt()
	if got := f.Longest(start); got != 0 {
		t.Errorf("after an outage: %s, want 0", got)
	}
}
