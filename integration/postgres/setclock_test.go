package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"dora-exporter/integration/pgserver"
	"dora-exporter/persistence/postgres"
)

// The database's clock is set while processes run, or another server with another clock takes the place of the database. The store's clock
// neither jumps nor stands still, for any of them, nor for one that starts afterwards. The time of day follows the database.
func TestDatabaseClockIsSet(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	url := server.SettableClock()
	for _, step := range []time.Duration{-10 * time.Minute, 10 * time.Minute, -48 * time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			server.SetClock(0)
			p := place{url, newPlace(server).schema}
			a, b := p.open(t), p.open(t)
			clocks := map[string]*postgres.Clock{"the first": newClock(t, a), "the second": newClock(t, b)}
			save := func(name string) {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				clocks[name].Run(ctx) // saves at its end
			}
			if err := a.SetPause(t.Context(), "x", "rate_limit", time.Hour); err != nil {
				t.Fatal(err)
			}
			check := func(when string) {
				t.Helper()
				for name, c := range clocks {
					near(t, fmt.Sprintf("%s, the clock of %s process", when, name), time.Now(), c.Now())
					last := c.Now()
					eventually(t, "the clock advances", func() error {
						if !c.Now().After(last) {
							return errors.New("it stands still")
						}
						return nil
					})
				}
				_, left, err := b.Pause(t.Context(), "x")
				if err != nil || (left-time.Hour).Abs() > time.Minute {
					t.Errorf("%s, a pause of an hour lasts %s, %v", when, left, err)
				}
			}
			save("the first")
			check("before")
			server.SetClock(step)
			check("at once")
			for _, name := range []string{"the second", "the first", "the second"} {
				save(name)
				check("when " + name + " has saved")
			}
			clocks["the third"] = newClock(t, p.open(t))
			check("when the third has started")
			save("the first")
			check("when the first has saved again")
			for _, s := range []*postgres.Store{a, b} {
				eventually(t, "the time of day is the database's", func() error {
					if got := s.Machine().Wall(); got.Sub(time.Now().Add(step)).Abs() > time.Minute {
						return fmt.Errorf("it is %s", got)
					}
					return nil
				})
			}
		})
	}
}

// However the database's clock is set, a lease on the push lapses after its term, and not before.
func TestPushLeaseWhenTheClockIsSet(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	p := place{server.SettableClock(), newPlace(server).schema}
	a, b := p.open(t), p.open(t)
	claim := func(s *postgres.Store, term time.Duration) bool {
		t.Helper()
		held, err := s.ClaimPush(t.Context(), term)
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	if !claim(a, time.Hour) || claim(b, time.Hour) {
		t.Fatal("the lease is not with the first replica alone")
	}
	server.SetClock(2 * time.Hour)
	if claim(b, time.Hour) {
		t.Error("the lease lapsed when the clock was set forward")
	}
	server.SetClock(-2 * time.Hour)
	const term = 100 * time.Millisecond
	for range 2 { // the second time it is the other one that has died
		eventually(t, "the lease lapses when the clock was set back", func() error {
			if !claim(b, term) {
				return errors.New("it is held")
			}
			return nil
		})
		a, b = b, a
	}
}

// A store that nobody uses is copied although the database's clock was set back after the last use.
func TestUnusedWhenTheClockIsSet(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	p := place{server.SettableClock(), newPlace(server).schema}
	s := p.open(t)
	newClock(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := postgres.OpenStopped(t.Context(), p.url, p.schema); err == nil {
		_ = r.Close()
		t.Error("a store that was used just now counts as unused")
	}
	server.SetClock(-time.Hour)
	r, err := postgres.OpenStopped(t.Context(), p.url, p.schema)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
}
