package process

import (
	"fmt"
	"io"
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
	if all := Descendants(os.Getpid()); !slices.Contains(all, c.Process.Pid) {
		t.Errorf("%v lack the process %d", all, c.Process.Pid)
	}
	if PeakMemory(c.Process.Pid) == 0 {
		t.Error("the process has no memory")
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	if PeakMemory(c.Process.Pid) != 0 {
		t.Error("the process has memory after its end")
	}
}

// The time of a child counts for its parent's tree, also when it has ended.
func TestTreeCPUTime(t *testing.T) {
	shell := exec.CommandContext(t.Context(), "sh", "-c", `sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; echo; read line`)
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // the child has ended
		t.Fatal(err)
	}
	own, err := CPUTime(shell.Process.Pid)
	tree, err2 := TreeCPUTime(shell.Process.Pid)
	if err != nil || err2 != nil || tree <= own {
		t.Errorf("the tree has used %s, %v, the process alone %s, %v", tree, err2, own, err)
	}
	_ = in.Close()
	_ = shell.Wait() // read fails
}

// A process may end between any two steps of reading it.
func TestEndedWhileRead(t *testing.T) {
	c := exec.CommandContext(t.Context(), "sleep", "60")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/proc/%d/stat", c.Process.Pid)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	_ = c.Process.Kill()
	_ = c.Wait()
	if _, err := io.ReadAll(f); err == nil || !isEnded(err) {
		t.Errorf("reading after its end: %v, want an error that says so", err)
	}
	if _, err := os.ReadFile(path); err == nil || !isEnded(err) {
		t.Errorf("opening after its end: %v, want an error that says so", err)
	}
	if isEnded(nil) || isEnded(os.ErrPermission) {
		t.Error("no error, or another one, says that it has ended")
	}
}
