package main

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"time"
)

// backup copies the database beside senders, after these have sent for as long without one.
func (m *measurement) backup(ctx context.Context) error {
	sending, stop := context.WithCancel(ctx)
	sent := make(chan error, 1)
	go func() { sent <- m.sender.Send(sending, math.MaxInt) }()
	defer stop()
	wait(ctx, 3*m.second)
	usual := m.sender.Longest()
	for ; usual == 0 && len(sent) == 0; usual = m.sender.Longest() { // a slow machine has answered nothing yet
		wait(ctx, m.second)
	}
	m.UsualPause = usual.Seconds()
	u, err := m.exporter.run(ctx, "backup", m.exporter.path("backup.db"))
	if err != nil {
		return err
	}
	m.Backup = u.took.Seconds()
	stop()
	if err := <-sent; err != nil {
		return err
	}
	m.Pause = m.sender.Longest().Seconds() // with those that still waited when the backup had ended
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

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
