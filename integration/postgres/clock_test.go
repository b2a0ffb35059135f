package postgres

import (
	"errors"
	"testing"
	"time"

	"dora-exporter/integration/pgserver"
	"dora-exporter/persistence/postgres"
)

// The store's clock is the same for all processes. The time in which none had the store open does not count.
func TestClock(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	p := newPlace(server)
	a, b := p.open(t), p.open(t)
	first := newClock(t, a)
	near(t, "the first clock", time.Now(), first.Now())
	near(t, "the clock of another process", first.Now(), newClock(t, b).Now())
	// An hour passes in which no process runs: the last reading was saved an hour ago.
	earlier := func() time.Time { return time.Now().Add(-time.Hour) }
	if err := errors.Join(a.SetClock(t.Context(), earlier, earlier), a.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	c, d := p.open(t), p.open(t)
	later := newClock(t, c)
	near(t, "the clock after an hour without a process", time.Now().Add(-time.Hour), later.Now())
	near(t, "the clock of a process that starts then", later.Now(), newClock(t, d).Now())
	// The database's clock says what time of day it is, whatever this process thinks.
	near(t, "the time of day", time.Now(), d.Machine().Wall())
}

func newClock(t *testing.T, s *postgres.Store) *postgres.Clock {
	t.Helper()
	c, err := s.NewClock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// near compares times that were read one after another, perhaps on a busy machine.
func near(t *testing.T, what string, want, got time.Time) {
	t.Helper()
	if d := got.Sub(want).Abs(); d > time.Minute {
		t.Errorf("%s shows %s, want about %s", what, got, want)
	}
}
