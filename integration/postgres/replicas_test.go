package postgres

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
	"dora-exporter/persistence/postgres"
)

// One replica at a time has the lease on the push; another one gets it when it was released or has lapsed, and then only that one stores
// what was pushed.
func TestPushLease(t *testing.T) {
	p := newPlace(pgserver.Start(t, "fsync=off"))
	a, b := p.open(t), p.open(t)
	pushed := []dora.PushedSeries{{Instrument: "github.deployments", Labels: dora.Labels{"team": "Platform"}, Value: 3}}
	claim := func(s *postgres.Store, term time.Duration) bool {
		t.Helper()
		held, err := s.ClaimPush(t.Context(), term)
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	if !claim(a, time.Hour) || claim(b, time.Hour) || !claim(a, time.Hour) {
		t.Fatal("the lease is not with the first replica alone")
	}
	if err := b.ReleasePush(t.Context()); err != nil || claim(b, time.Hour) {
		t.Fatalf("a replica released the lease of another one, %v", err)
	}
	if err := a.SetPushed(t.Context(), pushed); err != nil {
		t.Fatal(err)
	}
	if err := b.SetPushed(t.Context(), nil); !errors.Is(err, dora.ErrLeaseLost) {
		t.Errorf("a replica without the lease stores what was pushed: %v", err)
	}
	if claim(b, time.Hour) { // a lease lapses after the term, whatever term it was claimed for
		t.Error("the lease lapsed before its term")
	}
	eventually(t, "the lease lapses", func() error {
		if !claim(b, time.Millisecond) {
			return errors.New("it is held")
		}
		return nil
	})
	if claim(a, time.Hour) {
		t.Error("both replicas have the lease")
	}
	if err := a.SetPushed(t.Context(), pushed); !errors.Is(err, dora.ErrLeaseLost) {
		t.Errorf("a replica that lost the lease stores what was pushed: %v", err)
	}
	if series, known, err := b.Pushed(t.Context()); err != nil || !known || len(series) != 1 || series[0].Value != 3 {
		t.Errorf("what was pushed is %v, %t, %v", series, known, err)
	}
	if err := b.ReleasePush(t.Context()); err != nil || !claim(a, time.Hour) {
		t.Errorf("the released lease can't be claimed at once, %v", err)
	}
}

// A lease on the push is not shorter than its term, by the clock of the one that claims it next, which is the database's machine's here.
func TestPushLeaseLastsItsTerm(t *testing.T) {
	p := newPlace(pgserver.Start(t, "fsync=off"))
	stores := []*postgres.Store{p.open(t), p.open(t)}
	conn, err := pgx.Connect(t.Context(), p.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	now := func() (at time.Time) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	const term = 10 * time.Millisecond
	began := now()
	for round := range 40 { // the replicas take turns
		eventually(t, "the lease lapses", func() error {
			for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); { // without a pause, to claim it at the first moment
				before := now()
				held, err := stores[round%2].ClaimPush(t.Context(), term)
				if err != nil {
					return err
				}
				if !held {
					continue
				}
				if took := now().Sub(began); round > 0 && took < term {
					t.Errorf("round %d: the lease lapsed after %s, want %s", round, took, term)
				}
				began = before
				return nil
			}
			return errors.New("it is held")
		})
	}
}

// Replicas hear of a pause by its token, with the time that is left by the database's clock.
func TestPausesAreShared(t *testing.T) {
	p := newPlace(pgserver.Start(t, "fsync=off"))
	a, b := p.open(t), p.open(t)
	want := func(token, wantReason string, least, most time.Duration) {
		t.Helper()
		reason, left, err := b.Pause(t.Context(), token)
		if err != nil || reason != wantReason || left < least || left > most {
			t.Errorf("the pause of %q is %q for %s, %v; want %q for %s to %s", token, reason, left, err, wantReason, least, most)
		}
	}
	set := func(token, reason string, wait time.Duration) {
		t.Helper()
		if err := a.SetPause(t.Context(), token, reason, wait); err != nil {
			t.Fatal(err)
		}
	}
	want("x", "", 0, 0)
	set("x", "rate_limit", time.Hour)
	set("y\x00", "refused", time.Minute)
	want("x", "rate_limit", time.Hour-time.Minute, time.Hour)
	want("y\x00", "refused", time.Second, time.Minute)
	want("y", "", 0, 0)
	set("x", "rate_limit", 0) // it is over
	want("x", "rate_limit", 0, 0)
	set("x", "", 0)
	want("x", "", 0, 0)
	want("y\x00", "refused", time.Second, time.Minute)
}
