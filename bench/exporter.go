package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"dora-exporter/internal/process"
	"dora-exporter/internal/workload"
)

// exporter is the built program in a folder of its own.
type exporter struct {
	process.Exporter

	address string
}

// patience is how long something may take before the measurement fails.
const patience = 5 * time.Minute

// newExporter writes the configuration into an empty folder.
func newExporter(ctx context.Context, program, folder, github string) (*exporter, error) {
	address, err := process.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	config := fmt.Sprintf("server: {host: 127.0.0.1, port: %s}\ngithub: {base_url: %q, token: bench, webhook_secret: %s}\ndeployments: {settle: 1s}\n",
		port, github, workload.Secret) + workload.TeamsConfig()
	e := &exporter{process.Exporter{Program: program, Folder: folder}, address}
	return e, os.WriteFile(e.path("config.yml"), []byte(config), 0o600)
}

// path returns the path of a file in the exporter's folder.
func (e *exporter) path(name string) string { return filepath.Join(e.Folder, name) }

// The files of the exporter.
const (
	database   = "dora-exporter.db"
	checkpoint = "dora-exporter.prom"
)

// start starts the server and returns how long it took until it was ready and had answered /metrics.
func (e *exporter) start(ctx context.Context) (time.Duration, error) {
	log, err := os.OpenFile(e.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }()
	starting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	if err := e.Launch(ctx, log); err != nil {
		return 0, err
	}
	for _, path := range []string{"/readyz", "/metrics"} {
		if err := e.until(starting, 5*time.Millisecond, func() (bool, error) { _, err := e.get(starting, path); return err == nil, nil }); err != nil {
			return 0, fmt.Errorf("wait for %s: %w", path, err)
		}
	}
	return time.Since(began), nil
}

// end sends a signal that ends the server, unless it has ended, and waits for that. It kills a server that does not end.
func (e *exporter) end(signal syscall.Signal) {
	if e.Server == nil {
		return
	}
	_ = e.Server.Process.Signal(signal)
	select {
	case <-e.Exited:
	case <-time.After(patience):
		_ = e.Server.Process.Kill()
		<-e.Exited
	}
}

func (e *exporter) pid() int { return e.Server.Process.Pid }

// until polls until a condition holds. It waits for at least shortest between two polls, and for a twentieth of the time so far: they are a load.
func (e *exporter) until(ctx context.Context, shortest time.Duration, condition func() (bool, error)) error {
	for began := time.Now(); ; {
		if holds, err := condition(); holds || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.Exited:
			log, _ := os.ReadFile(e.path("log"))
			return fmt.Errorf("the exporter has ended; its log:\n%s", log)
		case <-time.After(max(shortest, time.Since(began)/20)):
		}
	}
}
