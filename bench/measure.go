package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"dora-exporter/internal/process"
	"dora-exporter/internal/workload"
)

// connections is how many connections send at the same time.
const connections = 32

// measurement is a measurement in progress.
type measurement struct {
	Result

	exporter *exporter
	sender   *workload.Sender
	// api is the stand-in for GitHub.
	api *http.Server
	o   runOptions
}

// begin starts a server in an empty folder, and a stand-in for GitHub that knows a history, until end is called.
func begin(ctx context.Context, program, folder string, h workload.History, o runOptions) (*measurement, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	api := &http.Server{Handler: workload.NewGitHub(h), ReadHeaderTimeout: time.Minute}
	go func() { _ = api.Serve(l) }()
	e, err := newExporter(ctx, program, folder, "http://"+l.Addr().String()+"/")
	if err != nil {
		return nil, errors.Join(err, api.Close())
	}
	if _, err := e.start(ctx); err != nil {
		e.end(syscall.SIGKILL)
		return nil, errors.Join(err, api.Close())
	}
	s := &workload.Sender{History: h, Addresses: []string{e.address}, Connections: connections}
	return &measurement{exporter: e, sender: s, api: api, o: o}, nil
}

func (m *measurement) end() error {
	m.exporter.end(syscall.SIGKILL)
	return m.api.Close()
}

// measure lets a store grow in an empty folder to a number of deployments, and measures.
func measure(ctx context.Context, program, folder string, deployments int, o runOptions) (r Result, err error) {
	// The deployments that are sent beside a backup come last, so the history ends a day before now.
	end := time.Now().AddDate(0, 0, -1).Truncate(time.Second)
	m, err := begin(ctx, program, folder, workload.NewHistory(deployments+o.turns*turnSize(deployments), end), o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, m.end()) }()
	m.Deployments = deployments
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"growing", m.grow},
		{"in turn with a new store", m.compare},
		{"starting", m.restart},
		{"reading", m.read},
		{"copying", m.backup},
		{"starting without checkpoint", m.restartBare},
	} {
		fmt.Fprintf(os.Stderr, "%s deployments: %s\n", number(float64(deployments)), step.name)
		if err := step.run(ctx); err != nil {
			return m.Result, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return m.Result, nil
}

// grow sends all deployments and waits until nothing is left to do.
func (m *measurement) grow(ctx context.Context) error {
	e, n := m.exporter, m.Deployments
	cpu, err := process.CPUTime(e.pid())
	if err != nil {
		return err
	}
	began := time.Now()
	if err := m.sender.Send(ctx, n-n/4); err != nil {
		return err
	}
	waiting, err := e.gauges(ctx, backlog)
	if err != nil {
		return err
	}
	late := time.Now()
	if err := m.sender.Send(ctx, n); err != nil {
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
	used, err := process.CPUTime(e.pid())
	m.CPU, m.Memory = (used-cpu).Seconds()/float64(n), process.PeakMemory(e.pid())
	return err
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
	d := m.sender.History.Deployment(m.Deployments / 2)
	series := fmt.Sprintf(`dora_deployments_total{repo=%q,environment=%q,outcome="success"}`, workload.RepositoryName(d.Repository), d.Environment)
	for _, c := range []struct {
		took   *float64
		memory *float64
		args   []string
	}{
		{&m.ExplainDeployment, new(float64), []string{"explain", "deployment", fmt.Sprintf("%s/%s#%d", workload.Owner, workload.RepositoryName(d.Repository), d.ID())}},
		{&m.ExplainMetric, new(float64), []string{"explain", "metric", series}},
		{&m.Report, &m.ReportMemory, []string{"report"}},
		{&m.ReportAll, &m.ReportAllMemory, []string{"report", "-since", fmt.Sprintf("%dd", (workload.Years+1)*366)}},
	} {
		u, err := m.exporter.median(ctx, c.args...)
		if err != nil {
			return err
		}
		*c.took, *c.memory = u.took.Seconds(), u.memory
	}
	return nil
}

// restartBare ends the server in order, which moves the write-ahead log into the database, and starts it without its checkpoint.
func (m *measurement) restartBare(ctx context.Context) error {
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
		m.Disk += float64(info.Size()) / float64(m.sender.Sent())
	}
	if err := os.Remove(m.exporter.path(checkpoint)); err != nil {
		return err
	}
	took, err := m.exporter.start(ctx)
	m.StartBare = took.Seconds()
	m.exporter.end(syscall.SIGTERM)
	return err
}
