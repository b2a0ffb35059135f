package sqlstore

import (
	"context"
	"fmt"
	"time"
)

// ClockSaveInterval is how often a running Clock is saved while something waits. It is the most by which a kill prolongs a wait.
const ClockSaveInterval = 5 * time.Second

// Machine is the clock of the machine.
type Machine struct {
	// Wall is the time of day. It may be set, forward or back.
	Wall func() time.Time
	// Elapsed is the time since an arbitrary moment. It is monotonic and independent of Wall.
	Elapsed func() time.Duration
}

// RealMachine returns the clock of the machine that the program runs on.
func RealMachine() Machine {
	start := time.Now()
	return Machine{Wall: time.Now, Elapsed: func() time.Duration { return time.Since(start) }}
}

// Clock is the clock of a store, which decides when queued work is due. It advances while a server has the store open and stops in
// between, so a step of the wall clock, forward or back, during a run or between two runs, neither shortens nor prolongs a wait. It
// starts at the wall time of the store's first run. From then on its readings are not times of day and can only be compared with
// each other.
//
// A Clock is safe for concurrent use. The store keeps its reading; after a kill the next run continues from the last one
// that was saved, so that a wait can become longer by ClockSaveInterval but never shorter.
type Clock struct {
	store   *Store
	machine Machine
	// reading is the clock's reading at the moment when the machine's Elapsed was elapsed.
	reading time.Time
	elapsed time.Duration
}

// NewClock returns the clock of a store, which continues from its saved reading.
func NewClock(ctx context.Context, s *Store, m Machine) (*Clock, error) {
	reading, _, known, err := s.ClockReading(ctx)
	if err != nil {
		return nil, err
	}
	if !known {
		reading = m.Wall().UTC().Truncate(time.Millisecond)
	}
	c := &Clock{store: s, machine: m, reading: reading, elapsed: m.Elapsed()}
	return c, c.save(ctx)
}

// Now returns the clock's reading.
func (c *Clock) Now() time.Time { return c.reading.Add(c.machine.Elapsed() - c.elapsed) }

// Run saves the reading every few seconds while something waits, and once more when ctx ends.
func (c *Clock) Run(ctx context.Context) {
	ticker := time.NewTicker(ClockSaveInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), ClockSaveInterval/5)
			defer cancel()
			_ = c.saveIfWaiting(last) // the store logs the error; the next run continues from the last saved reading
			return
		case <-ticker.C:
			_ = c.saveIfWaiting(ctx) // likewise, with another attempt at the next tick
		}
	}
}

// saveIfWaiting saves the reading if any work is queued. An idle server does not write.
func (c *Clock) saveIfWaiting(ctx context.Context) error {
	var waiting bool
	err := c.store.queryRow(ctx, `SELECT EXISTS (SELECT 1 FROM lookups) OR EXISTS (SELECT 1 FROM evaluations)
		OR EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_due WHERE state = 0)`, &waiting)
	if err != nil || !waiting {
		return err
	}
	return c.save(ctx)
}

func (c *Clock) save(ctx context.Context) error {
	return c.store.SetClock(ctx, c.Now, c.machine.Wall)
}

// SetClock saves a reading of the store's clock with the wall time. They are read when they are written.
func (s *Store) SetClock(ctx context.Context, reading, wall func() time.Time) error {
	err := s.update(ctx, func(t *tx) error {
		return t.SaveClock(SavedClock{reading().UnixMilli(), wall().UnixMilli()})
	})
	if err != nil {
		return fmt.Errorf("save the clock of the store: %w", err)
	}
	return nil
}

// SavedClock is a saved reading of the store's clock, and the wall time at which it was saved, in Unix milliseconds.
type SavedClock struct{ Reading, Wall int64 }

var saveClock = upsert("clock", "id", "reading, wall, checksum")

// SaveClock saves a reading.
func (t *Tx) SaveClock(c SavedClock) error {
	return t.send(saveClock, withChecksum(onlyID, c.Reading, c.Wall)...)
}

// SavedClock returns the saved reading; false if there is none. A damaged one does not end the transaction.
func (t *Tx) SavedClock() (SavedClock, bool, error) { return readClock(t.writer.path, t.query) }

func readClock(path string, query queryFunc) (c SavedClock, known bool, err error) {
	var sum int64
	err = query("SELECT reading, wall, checksum FROM clock", nil, func(rows Rows) error {
		known = true
		return rows.Scan(&c.Reading, &c.Wall, &sum)
	})
	if err == nil && known {
		err = checkRow(path, "the reading of its clock", sum, onlyID, c.Reading, c.Wall)
	}
	return c, known, err
}

// ClockReading returns the saved reading of the store's clock and the wall time at which it was saved; false before the first run.
func (r *Reader) ClockReading(ctx context.Context) (reading, wall time.Time, known bool, err error) {
	c, known, err := readClock(r.path, r.queryFunc(ctx))
	if err != nil {
		return reading, wall, false, fmt.Errorf("read the clock of the store: %w", err)
	}
	return fromMillis(c.Reading), fromMillis(c.Wall), known, nil
}

// wallOffset returns the difference between wall time and the store's clock. A reading plus the offset is the wall time at which the
// clock reaches that reading if the server keeps running.
func (r *Reader) wallOffset(ctx context.Context) (time.Duration, error) {
	reading, wall, _, err := r.ClockReading(ctx)
	return wall.Sub(reading), err
}
