package integration

import (
	"syscall"
	"testing"
	"time"
)

// Any of three replicas may be killed, two of them, or all.
func TestReplicasKilled(t *testing.T) {
	t.Parallel()
	r, _ := onServer(t, 3)
	r.load()
	stop := r.scrape(t)
	for round, victims := range [][]int{{0}, {1, 2}, {2}, {0, 1, 2}} {
		r.goesOn(t, 30)
		for _, n := range victims {
			r.all[n].kill()
		}
		if len(victims) < len(r.all) {
			r.goesOn(t, 30)
		}
		for _, n := range victims {
			r.all[n].run(t, binary)
		}
		for _, n := range victims {
			r.all[n].waitUntilReady(t)
		}
		t.Logf("round %d is over", round)
	}
	r.goesOn(t, 30)
	stop()
	r.check(t)
}

// A replica that is paused for longer than its leases does nothing afterwards that another one has done.
func TestReplicaPaused(t *testing.T) {
	t.Parallel()
	r, _ := onServer(t, 3)
	r.load()
	const pause = 70 * time.Second // of the leases, and of a minute, after which it no longer counts as running
	for n := range 2 {
		r.goesOn(t, 30)
		if err := r.all[n].process.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for time.Since(began) < pause {
			r.goesOn(t, 10)
			time.Sleep(100 * time.Millisecond)
		}
		if err := r.all[n].process.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	r.goesOn(t, 30)
	r.check(t)
}

// A rollout stops and starts one replica after the other. Each stop is orderly.
func TestReplicasRolledOut(t *testing.T) {
	t.Parallel()
	r, _ := onServer(t, 3)
	r.load()
	for _, e := range r.all {
		r.goesOn(t, 30)
		e.terminate(t)
		r.goesOn(t, 10)
		e.run(t, binary)
		e.waitUntilReady(t)
	}
	r.check(t)
}
