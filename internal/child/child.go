// Package child runs a command of this program in a child process, so that it can't hold the database's locks for ever.
//
// While a process reads, SQLite can't restart the write-ahead log at its beginning, and while a process writes, nobody else can.
// If a person suspends such a process (Ctrl-Z, SIGSTOP), the lock stays: neither SQLite nor the server can break it, and the log
// grows until the disk is full. Only the end of the process releases the lock.
//
// So the process that a person starts, and may suspend, opens no database. It starts itself again as a child in its own process
// group, which Ctrl-Z does not reach. The child reads, closes the database, and only then prints its result, however slowly
// that is consumed. If the child itself is suspended, the parent is notified and kills it. If the parent ends, the child's
// standard input ends, and the child terminates.
//
// Alternatives don't work: a series of short transactions is no consistent snapshot, and can be suspended too; the backup of a
// database is one read transaction; and a copy of its files without a transaction may be torn.
package child

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
)

// name is os.Args[0] of the child.
const name = "dora-exporter-child"

// IsChild reports whether this process is the child.
func IsChild() bool { return os.Args[0] == name }

// errStopped is the error of a command whose child was suspended.
var errStopped = errors.New("the process that reads the database was suspended and has been killed, since it would have kept " +
	"the database locked; run the command again")

// Run runs a command in a child process, given its arguments, and returns the exit status. It passes signals on to the child.
func Run(args []string) (status int, err error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	c, err := startChild(args)
	if err != nil {
		return 0, fmt.Errorf("start the command's process: %w", err)
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-signals:
			_ = c.process.Signal(syscall.SIGTERM)
		case <-ended:
		}
	}()
	return c.wait()
}

// child is a process that executes a command.
type child struct {
	process *os.Process
	input   *os.File
	output  sync.WaitGroup
	// printErr is an error of printing the output; it is read after output has ended.
	printErr atomic.Pointer[error]
}

// startChild starts this program again. The child prints through this process, because a terminal may suspend a process of another
// group that writes to it.
func startChild(args []string) (c *child, err error) {
	program := "/proc/self/exe" // works even if the file was replaced
	if runtime.GOOS != "linux" {
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	c = &child{}
	var childFiles []*os.File
	defer func() {
		for _, file := range childFiles {
			_ = file.Close()
		}
	}()
	childInput, input, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.input, childFiles = input, append(childFiles, childInput)
	for _, to := range []*os.File{os.Stdout, os.Stderr} {
		from, output, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		childFiles = append(childFiles, output)
		c.output.Go(func() {
			defer from.Close()
			if _, err := io.Copy(to, from); err != nil {
				err = fmt.Errorf("print the result: %w", err)
				c.printErr.Store(&err)
			}
		})
	}
	c.process, err = os.StartProcess(program, []string{name}, &os.ProcAttr{Files: childFiles, Sys: &syscall.SysProcAttr{Setpgid: true}})
	if err != nil {
		return nil, errors.Join(err, input.Close())
	}
	return c, json.NewEncoder(input).Encode(args)
}

// wait returns the exit status after the process has ended and its output is printed. It kills the process if it is suspended.
func (c *child) wait() (status int, err error) {
	for {
		var state syscall.WaitStatus
		switch _, waitErr := syscall.Wait4(c.process.Pid, &state, syscall.WUNTRACED, nil); {
		case errors.Is(waitErr, syscall.EINTR):
			continue
		case waitErr != nil:
			return 0, fmt.Errorf("wait for the command's process: %w", waitErr)
		case state.Stopped():
			err = errStopped
			_ = c.process.Kill()
			continue
		case state.Signaled() && err == nil:
			err = fmt.Errorf("the command's process was killed by a signal: %s", state.Signal())
		}
		c.output.Wait()
		if failed := c.printErr.Load(); failed != nil {
			err = *failed // more useful than the child's own failure to write
		}
		return state.ExitStatus(), errors.Join(err, c.input.Close())
	}
}

// Arguments reads the command's arguments from the parent, in the child. It makes the child terminate when the parent ends.
func Arguments(from *os.File) (args []string) {
	in := json.NewDecoder(from)
	if err := in.Decode(&args); err != nil {
		return []string{"-h"} // not started by Run
	}
	go func() {
		_, _ = io.Copy(io.Discard, from)
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
	}()
	return args
}
