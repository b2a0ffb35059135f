package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Result is what was measured with one number of deployments. Times are in seconds, memory and disk in bytes.
type Result struct {
	Deployments int `json:"deployments"`
	// Accepted and Counted are webhooks per second: during the whole growth, and in its last quarter until all were counted.
	Accepted float64 `json:"accepted_per_second"`
	Counted  float64 `json:"counted_per_second"`
	// Evaluated is deployments per second until all were evaluated.
	Evaluated float64 `json:"evaluated_per_second"`
	// CPU and Disk are for a deployment.
	CPU  float64 `json:"cpu"`
	Disk float64 `json:"disk"`
	// Memory is the most that the server used while it grew.
	Memory int64 `json:"memory"`
	// Report is that of 90 days, ReportAll that of all years.
	Report            float64 `json:"report"`
	ReportMemory      int64   `json:"report_memory"`
	ReportAll         float64 `json:"report_all"`
	ReportAllMemory   int64   `json:"report_all_memory"`
	Page              float64 `json:"page"`
	ExplainDeployment float64 `json:"explain_deployment"`
	ExplainMetric     float64 `json:"explain_metric"`
	StartKilled       float64 `json:"start_killed"`
	StartBare         float64 `json:"start_without_checkpoint"`
	Backup            float64 `json:"backup"`
	Copy              float64 `json:"copy"`
	// Pause is the longest time that a sender waited for an answer during the backup, UsualPause that before it.
	Pause      float64 `json:"pause"`
	UsualPause float64 `json:"usual_pause"`
}

// measurement is a measurement in progress.
type measurement struct {
	Result

	exporter *exporter
	sender   *sender
}

// measure lets a store grow in an empty folder to a number of deployments, and measures.
func measure(ctx context.Context, program, folder string, deployments int) (r Result, err error) {
	// The deployments that are sent beside a backup come last, so the history ends a day before now.
	h := newHistory(deployments, time.Now().AddDate(0, 0, -1).Truncate(time.Second))
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return r, err
	}
	api := &http.Server{Handler: newGitHub(h), ReadHeaderTimeout: time.Minute}
	go func() { _ = api.Serve(l) }()
	defer func() { err = errors.Join(err, api.Close()) }()
	e, err := newExporter(program, folder, "http://"+l.Addr().String()+"/")
	if err != nil {
		return r, err
	}
	defer e.end(syscall.SIGKILL)
	if _, err := e.start(ctx); err != nil {
		return r, err
	}
	m := &measurement{Result{Deployments: deployments}, e, &sender{history: h, address: e.address}}
	for _, step := range []func(context.Context) error{m.grow, m.restart, m.read, m.backup, m.stop} {
		if err := step(ctx); err != nil {
			return m.Result, err
		}
	}
	return m.Result, nil
}

// grow sends all deployments and waits until nothing is left to do.
func (m *measurement) grow(ctx context.Context) error {
	e, n := m.exporter, m.Deployments
	cpu, err := cpuTime(e.pid())
	if err != nil {
		return err
	}
	began := time.Now()
	if err := m.sender.send(ctx, n-n/4); err != nil {
		return err
	}
	late, waiting, err := m.waiting(ctx)
	if err != nil {
		return err
	}
	if err := m.sender.send(ctx, n); err != nil {
		return err
	}
	m.Accepted = float64(3*n) / time.Since(began).Seconds()
	if err := e.waitUntilZero(ctx, backlog); err != nil {
		return err
	}
	m.Counted = (waiting + float64(3*(n/4))) / time.Since(late).Seconds()
	if err := e.waitUntilIdle(ctx); err != nil {
		return err
	}
	m.Evaluated = float64(n) / time.Since(began).Seconds()
	used, err := cpuTime(e.pid())
	m.CPU, m.Memory = (used-cpu).Seconds()/float64(n), statusBytes(e.pid(), "VmHWM")
	return err
}

// waiting returns how many deliveries wait to be processed now.
func (m *measurement) waiting(ctx context.Context) (time.Time, float64, error) {
	n, err := m.exporter.gauges(ctx, backlog)
	return time.Now(), n, err
}

// restart kills the server and starts it again.
func (m *measurement) restart(ctx context.Context) error {
	m.exporter.end(syscall.SIGKILL)
	took, err := m.exporter.start(ctx)
	m.StartKilled = took.Seconds()
	return err
}

// read measures what people read. The server has just started, so that it has cached nothing.
func (m *measurement) read(ctx context.Context) error {
	began := time.Now()
	if _, err := m.exporter.get(ctx, "/"); err != nil {
		return fmt.Errorf("the page: %w", err)
	}
	m.Page = time.Since(began).Seconds()
	d := m.sender.history.deployment(m.Deployments / 2)
	series := fmt.Sprintf(`dora_deployments_total{repo=%q,environment=%q,outcome="success"}`, repositoryName(d.repository), d.environment)
	for _, c := range []struct {
		took   *float64
		memory *int64
		args   []string
	}{
		{&m.ExplainDeployment, new(int64), []string{"explain", "deployment", fmt.Sprintf("%s/%s#%d", owner, repositoryName(d.repository), d.id())}},
		{&m.ExplainMetric, new(int64), []string{"explain", "metric", series}},
		{&m.Report, &m.ReportMemory, []string{"report"}},
		{&m.ReportAll, &m.ReportAllMemory, []string{"report", "-since", fmt.Sprintf("%dd", (years+1)*366)}},
	} {
		u, err := m.exporter.median(c.args...)
		if err != nil {
			return err
		}
		*c.took, *c.memory = u.took.Seconds(), u.memory
	}
	return nil
}

// median runs a command three times and returns the usage of the run of the median time, with the most memory of all.
func (e *exporter) median(args ...string) (usage, error) {
	var all []usage
	var memory int64
	for range 3 {
		u, err := e.run(args...)
		if err != nil {
			return usage{}, err
		}
		all = append(all, u)
		memory = max(memory, u.memory)
	}
	slices.SortFunc(all, func(a, b usage) int { return int(a.took - b.took) })
	u := all[len(all)/2]
	u.memory = memory
	return u, nil
}

// backup copies the database beside senders, after these have sent for as long without one.
func (m *measurement) backup(ctx context.Context) error {
	sending, stop := context.WithCancel(ctx)
	sent := make(chan error, 1)
	go func() { sent <- m.sender.send(sending, math.MaxInt) }()
	defer func() { stop() }()
	wait(ctx, 3*time.Second)
	m.UsualPause = time.Duration(m.sender.longest.Swap(0)).Seconds()
	u, err := m.exporter.run("backup", m.exporter.path("backup.db"))
	if err != nil {
		return err
	}
	m.Backup, m.Pause = u.took.Seconds(), time.Duration(m.sender.longest.Swap(0)).Seconds()
	stop()
	if err := <-sent; err != nil {
		return err
	}
	if err := m.exporter.waitUntilIdle(ctx); err != nil {
		return err
	}
	took, err := copyFile(m.exporter.path("backup.db"), m.exporter.path("copy.db"))
	m.Copy = took.Seconds()
	return errors.Join(err, os.Remove(m.exporter.path("backup.db")), os.Remove(m.exporter.path("copy.db")))
}

// copyFile copies a file, syncs the copy, and returns how long that took.
func copyFile(from, to string) (time.Duration, error) {
	began := time.Now()
	source, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer func() { _ = source.Close() }()
	target, err := os.Create(to)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(target, source)
	return time.Since(began), errors.Join(err, target.Sync(), target.Close())
}

// stop ends the server in order, which moves the write-ahead log into the database, and starts it without its checkpoint.
func (m *measurement) stop(ctx context.Context) error {
	m.exporter.end(syscall.SIGTERM)
	files, err := filepath.Glob(m.exporter.path(database + "*"))
	if err != nil {
		return err
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		m.Disk += float64(info.Size()) / float64(m.sender.next.Load())
	}
	if err := os.Remove(m.exporter.path(checkpoint)); err != nil {
		return err
	}
	took, err := m.exporter.start(ctx)
	m.StartBare = took.Seconds()
	m.exporter.end(syscall.SIGTERM)
	return err
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
