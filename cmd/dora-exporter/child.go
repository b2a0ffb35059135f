package main

import (
	"bytes"
	"context"
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

	"dora-exporter/config"
)

// Commands that use the database run in a child process, so that none can hold it for ever. While a process reads, SQLite
// can't begin the write-ahead log again at its start, and while it writes, nobody else can. A process that is stopped in the
// middle (Ctrl-Z, SIGSTOP) would go on holding that lock, and neither SQLite nor the server can take it away: the log grew
// until the disk was full. The lock goes only with the process that has it. So the process that a person starts, and may
// stop, opens no database. Its child does, in a process group of its own, where Ctrl-Z does not reach it: it reads, closes
// the database, and only then writes what the command prints, however slowly that is taken. When it is the child that is
// stopped, its parent learns of it at once and kills it. When the parent ends, the child's input ends, and so does the child.
//
// The alternatives are worse: short transactions that follow each other don't show one moment, and can be stopped as well;
// a copy of the database is made within a read transaction, too; and to copy its files without one is not sound.

// childName is the name of the program (os.Args[0]) in the child.
const childName = "dora-exporter-child"

// errStopped is the result of a command whose child was stopped.
var errStopped = errors.New("the process that uses the database was stopped from outside, and was ended, since it would have held " +
	"the database's lock; run the command again")

// runInChild runs a command in a child process and returns its exit status.
func runInChild(args []string) int {
	status, err := superviseChild(args)
	if err != nil {
		printError(err)
		return 1
	}
	return status
}

func superviseChild(args []string) (status int, err error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	c, err := startChild(args)
	if err != nil {
		return 0, fmt.Errorf("start a process for the command: %w", err)
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

// child is a process that runs a command.
type child struct {
	process *os.Process
	input   *os.File
	output  sync.WaitGroup
	// unprinted is why a part of the output could not be printed, to be read after output.
	unprinted atomic.Pointer[error]
}

// startChild starts this program again. What it prints goes through this process, since the terminal may stop a process
// of another group that writes to it.
func startChild(args []string) (c *child, err error) {
	program := "/proc/self/exe" // also when the file has been replaced
	if runtime.GOOS != "linux" {
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	c = &child{}
	var theirs []*os.File
	defer func() {
		for _, file := range theirs {
			_ = file.Close()
		}
	}()
	input, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.input, theirs = ours, append(theirs, input)
	for _, to := range []*os.File{os.Stdout, os.Stderr} {
		from, output, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		theirs = append(theirs, output)
		c.output.Go(func() {
			defer from.Close()
			if _, err := io.Copy(to, from); err != nil {
				err = fmt.Errorf("print the result: %w", err)
				c.unprinted.Store(&err)
			}
		})
	}
	c.process, err = os.StartProcess(program, []string{childName}, &os.ProcAttr{Files: theirs, Sys: &syscall.SysProcAttr{Setpgid: true}})
	if err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	return c, json.NewEncoder(ours).Encode(args)
}

// wait returns the exit status when the process has ended and all that it printed is passed on. It kills one that is stopped.
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
			err = fmt.Errorf("the command's process was ended by a signal: %s", state.Signal())
		}
		c.output.Wait()
		if unprinted := c.unprinted.Load(); unprinted != nil {
			err = *unprinted // then the child may have failed to write as well
		}
		return state.ExitStatus(), errors.Join(err, c.input.Close())
	}
}

// childArguments reads the command's arguments, and has this process stop in order when its parent has ended.
func childArguments(from *os.File) (args []string) {
	in := json.NewDecoder(from)
	if err := in.Decode(&args); err != nil {
		return []string{"-h"} // started by hand
	}
	go func() {
		_, _ = io.Copy(io.Discard, from)
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
	}()
	return args
}

// runBuffered runs a command and prints its output when it has closed the database.
func runBuffered(ctx context.Context, run func(context.Context, *config.Config, io.Writer) error, c *config.Config) error {
	var out bytes.Buffer
	err := run(ctx, c, &out)
	if _, failed := os.Stdout.Write(out.Bytes()); failed != nil {
		return errors.Join(err, fmt.Errorf("print the result: %w", failed))
	}
	return err
}
