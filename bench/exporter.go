package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
func newExporter(program, folder, github string) (*exporter, error) {
	address, err := freeAddress()
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

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// path returns the path of a file in the exporter's folder.
func (e *exporter) path(name string) string { return filepath.Join(e.folder, name) }

// The files of the exporter.
const (
	database   = "dora-exporter.db"
	checkpoint = "dora-exporter.prom"
)

func (e *exporter) command(args ...string) *exec.Cmd {
	c := exec.Command(e.program, append([]string{"-config.file", "config.yml"}, args...)...)
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
	e.process, e.exited = e.command("-log", "warn"), make(chan struct{})
	e.process.Stdout, e.process.Stderr = log, log
	e.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C at the terminal must only reach this program
	began := time.Now()
	if err := e.process.Start(); err != nil {
		return 0, fmt.Errorf("start the exporter: %w", err)
	}
	go func(process *exec.Cmd, exited chan struct{}) { _ = process.Wait(); close(exited) }(e.process, e.exited)
	for _, path := range []string{"/readyz", "/metrics"} {
		if err := e.until(ctx, 5*time.Millisecond, func() (bool, error) { _, err := e.get(ctx, path); return err == nil, nil }); err != nil {
			return 0, fmt.Errorf("wait for %s: %w", path, err)
		}
	}
	return time.Since(began), nil
}

// end sends a signal that ends the server, unless it has ended, and waits for that.
func (e *exporter) end(signal syscall.Signal) {
	if e.process != nil && e.process.Process != nil {
		_ = e.process.Process.Signal(signal)
		<-e.exited
	}
}

func (e *exporter) pid() int { return e.process.Process.Pid }

// until polls until a condition holds.
func (e *exporter) until(ctx context.Context, pause time.Duration, condition func() (bool, error)) error {
	for {
		if holds, err := condition(); holds || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.exited:
			return fmt.Errorf("the exporter has ended; its log is %s", e.path("log"))
		case <-time.After(pause):
		}
	}
}

func (e *exporter) get(ctx context.Context, path string) (string, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.address+path, http.NoBody)
	if err != nil {
		return "", err
	}
	q.Header.Set("Accept-Encoding", "identity")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return string(text), err
}

// gauges returns the sum of metrics without labels. It asks for these alone: a whole scrape would add to the load.
func (e *exporter) gauges(ctx context.Context, names ...string) (sum float64, err error) {
	text, err := e.get(ctx, "/metrics?"+url.Values{"name[]": names}.Encode())
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		_, rest, found := strings.Cut(text, "\n"+name+" ")
		value, _, _ := strings.Cut(rest, "\n")
		v, err := strconv.ParseFloat(value, 64)
		if !found || err != nil {
			return 0, fmt.Errorf("there is no metric %s", name)
		}
		sum += v
	}
	return sum, nil
}

const backlog = "dora_exporter_backlog"

// waitUntilZero waits until metrics are 0.
func (e *exporter) waitUntilZero(ctx context.Context, names ...string) error {
	return e.until(ctx, 250*time.Millisecond, func() (bool, error) {
		n, err := e.gauges(ctx, names...)
		return n == 0, err
	})
}

// waitUntilIdle waits until nothing waits to be processed, looked up or evaluated.
func (e *exporter) waitUntilIdle(ctx context.Context) error {
	return e.waitUntilZero(ctx, backlog, "dora_exporter_github_lookups_waiting", "dora_exporter_evaluations_waiting")
}

// usage is what a command needed.
type usage struct {
	took   time.Duration
	memory int64 // the most that one of its processes used, in bytes
	output string
}

// run runs a command beside the server. The memory is polled, since the kernel's own figure includes that of this process.
func (e *exporter) run(args ...string) (usage, error) {
	c := e.command(args...)
	var output, problems bytes.Buffer
	c.Stdout, c.Stderr = &output, &problems
	began := time.Now()
	if err := c.Start(); err != nil {
		return usage{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	var u usage
	for {
		select {
		case err := <-ended:
			u.took, u.output = time.Since(began), output.String()
			if err != nil {
				err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, problems.String())
			}
			return u, err
		case <-time.After(2 * time.Millisecond):
			for _, pid := range descendants(c.Process.Pid) {
				u.memory = max(u.memory, statusBytes(pid, "VmHWM"))
			}
		}
	}
}
