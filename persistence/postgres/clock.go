package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
)

const (
	// beatInterval is how often a running process saves the reading of the store's clock.
	beatInterval = 5 * time.Second
	// unattendedAfter is how long after the last beat the store's clock stands still: no process had the store open.
	unattendedAfter = 3 * beatInterval
)

// serverClock is the clock of the database, as seen from this process, whose own time of day may be wrong. It follows the database's
// clock when that is set.
type serverClock struct {
	mu sync.Mutex
	// at is the server's time at the moment read, of this process' monotonic clock.
	at, read time.Time
	last     time.Time
}

// jitter bounds the errors of readings that arrive over a network. A greater difference is a step of the database's clock.
const jitter = time.Second

// set sets the clock by an answer of the server to a question that was asked at a moment. A late answer is ignored unless it shows
// that the clock is wrong.
func (c *serverClock) set(at, asked time.Time) {
	now := time.Now()
	took := now.Sub(asked)
	at = at.Add(took / 2)
	c.mu.Lock()
	defer c.mu.Unlock()
	if took < 50*time.Millisecond || at.Sub(c.at.Add(now.Sub(c.read))).Abs() > max(took, jitter) {
		c.at, c.read = at, now
	}
}

// now returns the server's time. It goes back only if the database's clock was set back.
func (c *serverClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.at.Add(time.Since(c.read)).UTC()
	if now.Before(c.last) && c.last.Sub(now) < jitter {
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

// Clock is the clock of the store for all processes that have it open, like sqlstore.Clock for one. It advances while one of them runs, and
// stands still while none does.
//
// Between two beats it advances with the monotonic clock of the process. A beat adjusts it to the reading that another process has saved,
// plus the time that has passed since by the database's clock. That clock may be set, and another server with another clock may take the
// place of the database. So it is not used for longer than unattendedAfter: if more seems to have passed, or less than nothing, the process
// keeps its own reading and saves it for the others. Its readings never go back.
type Clock struct {
	store *Store

	mu sync.Mutex
	// reading is the clock's reading at the moment read, of this process' monotonic clock.
	reading, read time.Time
	last          time.Time
	// saved is what this process has saved. Its wall time is that of the database's clock.
	saved sqlstore.SavedClock
}

// NewClock returns the clock of the store, which continues from its saved reading.
func (s *Store) NewClock(ctx context.Context) (*Clock, error) {
	c := &Clock{store: s}
	return c, c.beat(ctx)
}

// Now returns the clock's reading.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.own(time.Now()); now.After(c.last) {
		c.last = now
	}
	return c.last
}

// own returns the reading at a moment by this process' monotonic clock.
func (c *Clock) own(at time.Time) time.Time { return c.reading.Add(at.Sub(c.read)) }

// Run saves the reading every few seconds.
func (c *Clock) Run(ctx context.Context) {
	ticker := time.NewTicker(beatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = c.beat(last) // the store logs the error
			return
		case <-ticker.C:
			_ = c.beat(ctx) // likewise, with another attempt at the next tick
		}
	}
}

// beat saves the reading, after adjusting it to what other processes have saved.
func (c *Clock) beat(ctx context.Context) error {
	var now sqlstore.SavedClock
	var reading, read time.Time
	err := c.store.Change(ctx, func(t *sqlstore.Tx) error {
		if _, err := t.QueryRow("SELECT "+millis, nil, &now.Wall); err != nil {
			return err
		}
		read = time.Now()
		stored, known, err := t.SavedClock()
		switch {
		case errors.Is(err, dora.ErrDamaged) && c.isRunning():
			stored = sqlstore.SavedClock{} // this process keeps its own reading
		case err != nil:
			return err
		case !known:
			stored = sqlstore.SavedClock{Reading: now.Wall, Wall: now.Wall}
		}
		reading = c.adjusted(stored, now.Wall, read)
		now.Reading = reading.UnixMilli()
		return t.SaveClock(now)
	})
	if err != nil {
		return fmt.Errorf("save the clock of the store: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading, c.read, c.saved = reading, read, now
	return nil
}

// isRunning reports whether the clock has a reading.
func (c *Clock) isRunning() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.read.IsZero()
}

// adjusted returns the reading at a moment, which is wall by the database's clock.
func (c *Clock) adjusted(stored sqlstore.SavedClock, wall int64, at time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	reading, passed := time.UnixMilli(stored.Reading).UTC(), time.Duration(wall-stored.Wall)*time.Millisecond
	isFirst := c.read.IsZero()
	if (isFirst || stored != c.saved) && passed >= 0 && passed < unattendedAfter { // another process has saved it
		return reading.Add(passed)
	}
	if own := c.own(at); !isFirst && own.After(reading) {
		return own
	}
	return reading
}

// storeMillis is the reading of the store's clock in Unix milliseconds, for statements that are transactions of their own. It may differ by
// as much as a step of the database's clock until the next beat, but by no more than unattendedAfter. Without a clock it is millis.
var storeMillis = fmt.Sprintf("coalesce((SELECT reading + least(greatest(%s - wall, 0), %d) FROM clock), %[1]s)", millis, unattendedAfter.Milliseconds())
