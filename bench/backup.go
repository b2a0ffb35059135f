package main

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"time"
)

// backup copies the database beside senders, after these have sent for as long without one. Then the file is just copied, beside them, too.
func (m *measurement) backup(ctx context.Context) error {
	sending, stop := context.WithCancel(ctx)
	sent := make(chan error, 1)
	go func() { sent <- m.sender.Send(sending, math.MaxInt) }()
	defer stop()
	wait(ctx, 2*m.o.second)
	m.UsualPause = m.longestWait(ctx, sent)
	u, err := m.exporter.run(ctx, "backup", m.exporter.path("backup.db"))
	if err != nil {
		return err
	}
	m.Backup = u.took.Seconds()
	m.Pause = m.longestWait(ctx, sent)
	took, err := copyFile(m.exporter.path(database), m.exporter.path("copy.db"))
	if err != nil {
		return err
	}
	m.Copy = took.Seconds()
	m.CopyPause = m.longestWait(ctx, sent)
	stop()
	if err := <-sent; err != nil {
		return err
	}
	return errors.Join(m.exporter.waitUntilIdle(ctx), os.Remove(m.exporter.path("backup.db")), os.Remove(m.exporter.path("copy.db")))
}

// longestWait returns the longest time in seconds that a sender has waited since the last call, also if it still waits for a moment.
func (m *measurement) longestWait(ctx context.Context, sent <-chan error) float64 {
	wait(ctx, m.o.second)
	longest := m.sender.Longest()
	for ; longest == 0 && len(sent) == 0; longest = m.sender.Longest() { // a slow machine has answered nothing yet
		wait(ctx, m.o.second)
	}
	return longest.Seconds()
}

// copyFile copies a file to the disk, and returns how long that took.
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
	err = errors.Join(err, target.Sync(), target.Close())
	return time.Since(began), err
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
