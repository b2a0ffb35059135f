// Package process runs the built exporter as a process beside this one, for the demonstration and for measurements.
package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// Exporter is the built program, and the folder that has its configuration and gets its files.
type Exporter struct {
	Program, Folder string

	// Server is the process that was launched last, and Exited is closed when it has ended.
	Server *exec.Cmd
	Exited chan struct{}
}

// Command returns a command of the program in its folder, with the configuration config.yml. It gets none of this process's environment,
// which may have the files, tokens and receivers of a real server.
func (e *Exporter) Command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, e.Program, append([]string{"-config.file", "config.yml"}, args...)...)
	c.Dir, c.Env = e.Folder, []string{"HOME=" + e.Folder, "TMPDIR=" + os.TempDir()}
	return c
}

// Launch starts the server, which writes warnings and errors to output. The caller ends it: neither the end of ctx nor a Ctrl-C at the
// terminal, which must only reach this process, does.
func (e *Exporter) Launch(ctx context.Context, output io.Writer) error {
	process, exited := e.Command(context.WithoutCancel(ctx), "-log", "warn"), make(chan struct{})
	process.Stdout, process.Stderr = output, output
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := process.Start(); err != nil {
		return fmt.Errorf("start the exporter: %w; build it with make build, or name it with -exporter", err)
	}
	e.Server, e.Exited = process, exited
	go func() { _ = process.Wait(); close(exited) }()
	return nil
}
