package checkpoint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestRestoreWithoutAFile(t *testing.T) {
	s := newSite(t)
	state, _ := s.mustRestore()
	wantState(t, dora.State{}, state)
	s.add(10)
	s.add(20)
	s.restores(two(0), 0)
}

func TestRestoreOwn(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.write()
	s.add(20)
	s.reopen()
	s.restores(two(0), 3)
}

func TestRestoreRefusesAnOlderStore(t *testing.T) {
	s := newSite(t)
	s.add(10)
	if err := s.store.Update(t.Context(), func(dora.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	backup := s.read(s.store.Path())
	wal := s.read(s.store.Path() + "-wal")
	s.add(20)
	s.write()
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	s.put("dora-exporter.db", backup)
	s.put("dora-exporter.db-wal", wal)
	s.open()
	id := s.store.ID()
	_, _, err := s.restore(s.checkpoint(false))
	for _, part := range []string{"dora-exporter.prom has 6 facts", "dora-exporter.db only 3", "-accept-store"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v does not say %q", err, part)
		}
	}
	state, _, err := s.restore(s.checkpoint(true))
	if err != nil {
		t.Fatal(err)
	}
	if got := state[dora.DeploymentsTotal][success.Key()].Own; got != 1 {
		t.Errorf("%d deployments, want the one of the store", got)
	}
	if s.store.ID() == id {
		t.Error("the store has kept its id")
	}
	s.only("aside")
}

// The previous checkpoint shows, too, that the store is older, when the newest one is gone.
func TestRestoreWithoutAFileRefusesAnOlderStore(t *testing.T) {
	s := newSite(t)
	s.writeTwo()
	if err := os.Remove(s.path()); err != nil {
		t.Fatal(err)
	}
	s.restores(two(0), 6) // which the previous one of one deployment does not disturb
	s.tamper("DELETE FROM facts; DELETE FROM sums; DELETE FROM sums_position")
	before := s.files()
	for start := range 2 {
		state, _, err := s.restore(s.checkpoint(false))
		if err == nil || !strings.Contains(err.Error(), "dora-exporter.prom.prev has 3 facts") || !strings.Contains(err.Error(), "-accept-store") {
			t.Errorf("start %d: %v, error %v; want a refusal", start, state, err)
		}
		if diff := cmp.Diff(before, s.files()); diff != "" {
			t.Errorf("start %d: refused, but changed the files: -before +after:\n%s", start, diff)
		}
	}
	id := s.store.ID()
	state, _, err := s.restore(s.checkpoint(true))
	if err != nil {
		t.Fatal(err)
	}
	wantState(t, dora.State{}, state)
	if s.store.ID() == id {
		t.Error("the store has kept its id")
	}
	s.only("aside")
	s.mustRestore()
}

func TestRestoreWithoutTheStore(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.add(20)
	s.write()
	started := s.store.Started()
	time.Sleep(2 * time.Millisecond) // it is told in milliseconds
	s.removeStore()
	if !s.store.Started().After(started) {
		t.Fatal("the new store is no younger")
	}
	state, _ := s.mustRestore()
	for _, when := range []string{"taken over", "opened again"} {
		if got := s.store.Started(); !got.Equal(started) {
			t.Errorf("%s, the values start at %s, want %s", when, got, started)
		}
		s.reopen()
	}
	if got := state[dora.DeploymentsTotal][success.Key()]; got.Baseline != 2 {
		t.Errorf("got %+v, want a baseline of 2", got)
	}
	if got := state[dora.DeploymentsDurationSum][success.Key()]; got.Baseline != 30 {
		t.Errorf("got %+v, want a baseline of 30", got)
	}
	if !strings.Contains(s.log.String(), "redeliveries of older events will count again") {
		t.Errorf("the log does not warn:\n%s", s.log.String())
	}
}

func TestWriteLeavesTheOldFileWhenItFails(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.write()
	before := s.read(s.path())
	if err := os.MkdirAll(filepath.Join(s.path()+".tmp", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.checkpoint(false).Write(t.Context(), two(0), nil, 6); err == nil {
		t.Error("no error")
	}
	if diff := cmp.Diff(string(before), string(s.read(s.path()))); diff != "" {
		t.Errorf("the file has changed: -want +got:\n%s", diff)
	}
}

// Killed between taking over the checkpoint of a store that is gone and the first one of its own.
func TestRestoreWithoutTheStoreTwice(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.add(20)
	s.write()
	s.removeStore()
	want, _ := s.mustRestore()
	s.reopen()
	got, _ := s.mustRestore()
	wantState(t, want, got)
	s.add(30)
	s.reopen()
	got, _ = s.mustRestore()
	if series := got[dora.DeploymentsTotal][success.Key()]; series.Baseline != 2 || series.Own != 1 {
		t.Errorf("got %+v, want 1 above a baseline of 2", series)
	}
	want = got
	s.write()
	s.reopen()
	got, from := s.mustRestore()
	wantState(t, want, got)
	if from != 3 {
		t.Errorf("from position %d, want 3", from)
	}
}
