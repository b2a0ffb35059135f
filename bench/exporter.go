package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// exporter is the built program in a folder of its own. It gets none of this process's environment, which may have the files and tokens of a
// real server.
type exporter struct {
	program, folder, address string

	process *exec.Cmd
	exited  chan struct{}
}

// newExporter writes the configuration into an empty folder.
func newExporter(ctx context.Context, program, folder, github string) (*exporter, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	var b strings.Builder
	fmt.Fprintf(&b, "server: {host: 127.0.0.1, port: %s}\n", port)
	fmt.Fprintf(&b, "github: {base_url: %q, token: bench, webhook_secret: %s}\ndeployments: {settle: 1s}\nteams:\n", github, secret)
	for team := range teams {
		fmt.Fprintf(&b, "  - name: %s\n    github_repositories:\n", teamName(team))
		for r := team; r < repositories; r += teams {
			fmt.Fprintf(&b, "      - %s/%s\n", owner, repositoryName(r))
		}
	}
	e := &exporter{program: program, folder: folder, address: address}
	return e, os.WriteFile(e.path("config.yml"), []byte(b.String()), 0o600)
}

// freeAddress returns an address of this machine that nothing listens at. Its port is below those that systems give to outgoing connections,
// one of which could take it while the exporter is restarted.
func freeAddress(ctx context.Context) (string, error) {
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)) //nolint:gosec // not for secrets
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err == nil {
			return address, l.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return "", err
		}
	}
}

// path returns the path of a file in the exporter's folder.
func (e *exporter) path(name string) string { return filepath.Join(e.folder, name) }

// The files of the exporter.
const (
	database   = "dora-exporter.db"
	checkpoint = "dora-exporter.prom"
)

func (e *exporter) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, e.program, append([]string{"-config.file", "config.yml"}, args...)...)
	c.Dir, c.Env = e.folder, []string{"HOME=" + e.folder, "TMPDIR=" + os.TempDir()}
	return c
}

// start starts the server and returns how long it took until it was ready and had answered /metrics.
func (e *exporter) start(ctx context.Context) (time.Duration, error) {
	log, err := os.OpenFile(e.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }()
	// e.end ends it; the end of ctx must not kill it.
	e.process, e.exited = e.command(context.WithoutCancel(ctx), "-log", "warn"), make(chan struct{})
	e.process.Stdout, e.process.Stderr = log, log
	e.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C at the terminal must only reach this program
	starting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	if err := e.process.Start(); err != nil {
		return 0, fmt.Errorf("start the exporter: %w", err)
	}
	go func(process *exec.Cmd, exited chan struct{}) { _ = process.Wait(); close(exited) }(e.process, e.exited)
	for _, path := range []string{"/readyz", "/metrics"} {
		if err := e.until(starting, 5*time.Millisecond, func() (bool, error) { _, err := e.get(starting, path); return err == nil, nil }); err != nil {
			return 0, fmt.Errorf("wait for %s: %w", path, err)
		}
	}
	return time.Since(began), nil
}

// end sends a signal that ends the server, unless it has ended, and waits for that. It kills a server that does not end.
func (e *exporter) end(signal syscall.Signal) {
	if e.process == nil || e.process.Process == nil {
		return
	}
	_ = e.process.Process.Signal(signal)
	select {
	case <-e.exited:
	case <-time.After(patience):
		_ = e.process.Process.Kill()
		<-e.exited
	}
}

func (e *exporter) pid() int { return e.process.Process.Pid }

// until polls until a condition holds. It waits for at least shortest between two polls, and for a twentieth of the time so far: they are a load.
func (e *exporter) until(ctx context.Context, shortest time.Duration, condition func() (bool, error)) error {
	for began := time.Now(); ; {
		if holds, err := condition(); holds || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.exited:
			log, _ := os.ReadFile(e.path("log"))
			return fmt.Errorf("the exporter has ended; its log:\n%s", log)
		case <-time.After(max(shortest, time.Since(began)/20)):
		}
	}
}
