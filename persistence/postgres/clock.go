package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"dora-exporter/persistence/sqlstore"
)

const (
	// beatInterval is how often a running process saves the reading of the store's clock.
	beatInterval = 5 * time.Second
	// unattendedAfter is how long after the last beat the store's clock stands still: no process had the store open.
	unattendedAfter = 3 * beatInterval
)

// serverClock is the clock of the database, as seen from this process, whose own time of day may be wrong.
type serverClock struct {
	mu sync.Mutex
	// at is the server's time at the moment read, of this process' monotonic clock.
	at, read time.Time
	last     time.Time
}

// set sets the clock by an answer of the server to a question that was asked at a moment.
func (c *serverClock) set(at, asked time.Time) {
	took := time.Since(asked)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || took < 50*time.Millisecond {
		c.at, c.read = at.Add(took/2), time.Now()
	}
}

// now returns the server's time. It never goes back.
func (c *serverClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.at.Add(time.Since(c.read)).UTC()
	if now.Before(c.last) {
		return c.last
	}
	c.last = now
	return now
}

// Machine returns the clock of the database instead of that of the machine, so that replicas whose clocks differ agree.
func (s *Store) Machine() sqlstore.Machine {
	start := time.Now()
	return sqlstore.Machine{Wall: s.engine.Now, Elapsed: func() time.Duration { return time.Since(start) }}
}

// Clock is the clock of the store for all processes that have it open, like sqlstore.Clock for one. It advances with the database's
// clock while one of them runs, and stands still while none does.
type Clock struct {
	store *Store

	mu sync.Mutex
	// offset is the difference between the database's clock and this one.
	offset time.Duration
}

// NewClock returns the clock of the store, which continues from its saved reading.
func (s *Store) NewClock(ctx context.Context) (*Clock, error) {
	c := &Clock{store: s}
	return c, c.beat(ctx, true)
}

// Now returns the clock's reading.
func (c *Clock) Now() time.Time {
	now := c.store.engine.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Add(-c.offset)
}

// Run saves the reading every few seconds.
func (c *Clock) Run(ctx context.Context) {
	ticker := time.NewTicker(beatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = c.beat(last, false) // the store logs the error
			return
		case <-ticker.C:
			_ = c.beat(ctx, false) // likewise, with another attempt at the next tick
		}
	}
}

// beat saves the reading, and takes over the offset that other processes have saved. At the start it may change the offset: the time
// since the last beat does not count if no process had the store open.
func (c *Clock) beat(ctx context.Context, start bool) error {
	var offset time.Duration
	err := c.store.Change(ctx, func(t *sqlstore.Tx) error {
		var now, reading, wall int64
		if _, err := t.QueryRow("SELECT "+millis, nil, &now); err != nil {
			return err
		}
		known, err := t.QueryRow("SELECT reading, wall FROM clock", nil, &reading, &wall)
		if err != nil {
			return err
		}
		if !known {
			reading, wall = now, now
		}
		if passed := now - wall; passed > 0 && (!start || passed < unattendedAfter.Milliseconds()) {
			reading += passed
		}
		offset = time.Duration(now-reading) * time.Millisecond
		_, err = t.Exec("INSERT INTO clock (id, reading, wall) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET reading = excluded.reading, wall = excluded.wall", reading, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("save the clock of the store: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = offset
	return nil
}
