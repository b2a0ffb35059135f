package testexporter

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what must become true. How soon it does depends on the machine.
const Patience = 5 * time.Minute

// A poll often scrapes and parses /metrics, so a long wait polls less often: the pause is a quarter of the wait so far, between
// shortestPause and longestPause.
const (
	shortestPause = 10 * time.Millisecond
	longestPause  = 500 * time.Millisecond
)

func pause(waited time.Duration) {
	time.Sleep(min(max(waited/4, shortestPause), longestPause))
}

// Eventually polls until f returns no error, for Patience at most.
func Eventually(t testing.TB, what string, f func() error) {
	t.Helper()
	for start := time.Now(); ; pause(time.Since(start)) {
		err := f()
		if err == nil {
			return
		}
		if time.Since(start) > Patience {
			t.Fatalf("waited for %s until %s: %v", Patience, what, err)
		}
	}
}

// Remains checks that f returns no error for as long as something that must not happen would take to show.
func Remains(t testing.TB, what string, d time.Duration, f func() error) {
	t.Helper()
	for start := time.Now(); ; pause(time.Since(start)) {
		if err := f(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if time.Since(start) > d {
			return
		}
	}
}
