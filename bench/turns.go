package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"dora-exporter/internal/process"
	"dora-exporter/internal/workload"
)

// turnSize is how many deployments a store of a size gets in a turn.
func turnSize(deployments int) int { return min(deployments, 12_000) }

// compare sends as many deployments to a server with a new store and to this one, in turn, since the speed of a machine changes from minute to
// minute. Its results are the medians of the ratios.
func (m *measurement) compare(ctx context.Context) error {
	var accepted, counted, cpu []float64
	for range m.o.turns {
		small, err := m.newStore(ctx)
		if err != nil {
			return err
		}
		large, err := m.turn(ctx)
		if err != nil {
			return err
		}
		accepted = append(accepted, large.Accepted/small.Accepted)
		counted = append(counted, large.Counted/small.Counted)
		cpu = append(cpu, large.CPU/small.CPU)
	}
	m.AcceptedRatio, m.CountedRatio, m.CPURatio = median(accepted), median(counted), median(cpu)
	return nil
}

// newStore measures a turn of a server with a new store, which is removed.
func (m *measurement) newStore(ctx context.Context) (r Result, err error) {
	folder := m.exporter.path("new")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	n := turnSize(m.Deployments)
	small, err := begin(ctx, m.exporter.Program, folder, workload.NewHistory(n, time.Now().AddDate(0, 0, -1)), m.o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, small.end()) }()
	small.Deployments = n
	return small.turn(ctx)
}

// turn sends the deployments of a turn, and measures until nothing is left to do.
func (m *measurement) turn(ctx context.Context) (r Result, err error) {
	e, n := m.exporter, turnSize(m.Deployments)
	cpu, err := process.CPUTime(e.pid())
	if err != nil {
		return r, err
	}
	began := time.Now()
	if err := m.sender.Send(ctx, m.sender.Sent()+n); err != nil {
		return r, err
	}
	r.Accepted = float64(3*n) / time.Since(began).Seconds()
	if err := e.waitUntilZero(ctx, backlog); err != nil {
		return r, err
	}
	r.Counted = float64(3*n) / time.Since(began).Seconds()
	if err := e.waitUntilIdle(ctx); err != nil {
		return r, err
	}
	used, err := process.CPUTime(e.pid())
	r.CPU = (used - cpu).Seconds() / float64(n)
	return r, err
}

// median returns the median, the higher one of two; 0 if there are no values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}
