package main

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
)

// A child is found whichever thread started it.
func TestDescendants(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	started := make(chan *exec.Cmd)
	go func() { // on another thread
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		c := exec.CommandContext(t.Context(), "sleep", "60")
		if err := c.Start(); err != nil {
			t.Error(err)
		}
		started <- c
		<-started
	}()
	c := <-started
	defer close(started)
	if c.Process == nil {
		return
	}
	if all := descendants(os.Getpid()); !slices.Contains(all, c.Process.Pid) {
		t.Errorf("%v lack the process %d", all, c.Process.Pid)
	}
	if peakMemory(c.Process.Pid) == 0 {
		t.Error("the process has no memory")
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	if peakMemory(c.Process.Pid) != 0 {
		t.Error("the process has memory after its end")
	}
}
