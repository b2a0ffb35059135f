package testexporter

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what must become true. How soon it does depends on the machine.
const Patience = 2 * time.Minute

const poll = 20 * time.Millisecond

// Eventually polls until f returns no error, for Patience at most.
func Eventually(t testing.TB, what string, f func() error) {
	t.Helper()
	for deadline := time.Now().Add(Patience); ; time.Sleep(poll) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s until %s: %v", Patience, what, err)
		}
	}
}

// Remains checks that f returns no error for as long as something that must not happen would take to show.
func Remains(t testing.TB, what string, d time.Duration, f func() error) {
	t.Helper()
	for end := time.Now().Add(d); ; time.Sleep(poll) {
		if err := f(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if time.Now().After(end) {
			return
		}
	}
}
