package checkpoint

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// damages are a file cut at and with a change of every nth byte and the last one.
func damages(whole []byte, n int) map[string][]byte {
	all := map[string][]byte{}
	for i := range whole {
		if i%n != 0 && i != len(whole)-1 {
			continue
		}
		all[fmt.Sprintf("cut at %d", i)] = whole[:i]
		flipped := bytes.Clone(whole)
		flipped[i] ^= []byte{0x01, 0x11, 0xff}[i/n%3]
		all[fmt.Sprintf("flipped at %d", i)] = flipped
	}
	return all
}

// A damaged checkpoint above a baseline gives the exact values too.
func TestRestoreDamagedAboveABaseline(t *testing.T) {
	s := newSite(t)
	s.put("dora-exporter.prom", append(metricText(dora.DeploymentsDurationSum, "gauge", 94778.17152176499),
		metricText(dora.DeploymentsDuration, "gauge", 2677.657175116)...))
	s.mustRestore()
	whole, previous := s.writeTwo()
	want, _ := s.mustRestore()
	s.freeze()
	for name, data := range damages(whole, 7) {
		s.put("dora-exporter.prom", data)
		s.put("dora-exporter.prom.prev", previous)
		state, _, err := s.restore(s.checkpoint(false))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, state); diff != "" {
			t.Fatalf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// When the store is gone, a damaged checkpoint is neither taken over nor thrown away, wherever it is damaged.
func TestRestoreDamagedWithoutStore(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.write()
	whole := s.read(s.path())
	s.removeStore()
	s.freeze()
	for name, data := range damages(whole, 3) {
		for withPrevious, remedy := range map[bool]string{true: "to import the values", false: "backup"} {
			if len(data) == 0 && !withPrevious {
				continue // nothing is in it, and nothing beside it: a start at 0
			}
			_ = os.Remove(s.path() + ".prev")
			if withPrevious {
				s.put("dora-exporter.prom.prev", whole)
			}
			s.put("dora-exporter.prom", data)
			before := s.files()
			state, _, err := s.restore(s.checkpoint(false))
			if err == nil {
				t.Fatalf("%s, previous %v: started with %v and lost what the checkpoint has", name, withPrevious, state)
			}
			if !strings.Contains(err.Error(), remedy) {
				t.Fatalf("%s, previous %v: error %v does not say %q", name, withPrevious, err, remedy)
			}
			if diff := cmp.Diff(before, s.files()); diff != "" {
				t.Fatalf("%s, previous %v: refused, but changed the files: -before +after:\n%s", name, withPrevious, diff)
			}
		}
	}
}

func TestRestoreEmptyFile(t *testing.T) {
	s := newSite(t)
	s.put("dora-exporter.prom", nil)
	state, _ := s.mustRestore()
	wantState(t, dora.State{}, state)
	s.add(10)
	s.add(20)
	s.put("dora-exporter.prom", nil)
	state, _ = s.mustRestore()
	wantState(t, two(0), state)
	if !strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("the damage is not reported:\n%s", s.log.String())
	}
}

func TestRestoreBothDamaged(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.add(20)
	s.write()
	whole := s.read(s.path())
	s.put("dora-exporter.prom", whole[:100])
	s.put("dora-exporter.prom.prev", whole[:200])
	s.restores(two(0), 6)
	s.only("damaged")
}

// A damaged checkpoint must not hide that the store is older than the one before: it is refused, at every start.
func TestRestoreDamagedAndAnOlderStore(t *testing.T) {
	s := newSite(t)
	whole, _ := s.writeTwo()
	s.tamper("DELETE FROM facts WHERE position > 3; DELETE FROM sums; DELETE FROM sums_position")
	s.put("dora-exporter.prom.prev", whole)
	s.put("dora-exporter.prom", whole[:100])
	before := s.files()
	for start := range 3 {
		state, _, err := s.restore(s.checkpoint(false))
		if err == nil || !strings.Contains(err.Error(), "-accept-store") {
			t.Fatalf("start %d: %v, error %v; want a refusal", start, state, err)
		}
		if diff := cmp.Diff(before, s.files()); diff != "" {
			t.Fatalf("start %d: refused, but changed the files: -before +after:\n%s", start, diff)
		}
	}
	id := s.store.ID()
	state, from, err := s.restore(s.checkpoint(true))
	if err != nil {
		t.Fatal(err)
	}
	if got := state[dora.DeploymentsTotal][success.Key()].Own; got != 1 || from != 0 {
		t.Errorf("%d deployments from position %d, want the one of the store from 0", got, from)
	}
	if s.store.ID() == id {
		t.Error("the store has kept its id")
	}
	s.only("damaged")
	s.only("aside")
}

// A checkpoint that is damaged anywhere gives the exact values or none.
func TestRestoreDamaged(t *testing.T) {
	s := newSite(t)
	whole, previous := s.writeTwo()
	s.freeze()
	for name, data := range damages(whole, 3) {
		for _, withPrevious := range []bool{true, false} {
			s.put("dora-exporter.prom", data)
			if withPrevious {
				s.put("dora-exporter.prom.prev", previous)
			} else {
				_ = os.Remove(s.path() + ".prev")
			}
			state, from, err := s.restore(s.checkpoint(false))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if from != 6 {
				t.Fatalf("%s: from position %d, want 6", name, from)
			}
			if diff := cmp.Diff(two(0), state); diff != "" {
				t.Fatalf("%s: -want +got:\n%s", name, diff)
			}
		}
	}
	if aside, _ := filepath.Glob(s.path() + ".*.damaged"); len(aside) == 0 {
		t.Error("no damaged file was kept")
	}
}

func TestRestoreDamagedWithoutTheStore(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.write()
	whole := s.read(s.path())
	s.removeStore()
	_ = os.Remove(s.path() + ".prev")
	s.put("dora-exporter.prom", whole[:len(whole)-10])
	if state, _, err := s.restore(s.checkpoint(false)); err == nil {
		t.Errorf("started with %v and lost what the checkpoint has", state)
	}
}
