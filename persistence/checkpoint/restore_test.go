package checkpoint

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlite"
)

// site is a folder with a store and a checkpoint, used by one process after the other.
type site struct {
	*testing.T
	folder string
	store  *sqlite.Store
	log    bytes.Buffer
}

var (
	inProgress = dora.Labels{"environment": "production", "repo": "shop", "status": "in_progress", "team": "Platform"}
	success    = dora.Labels{"environment": "production", "repo": "shop", "status": "success", "team": "Platform"}
	noon       = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

func newSite(t *testing.T) *site {
	s := &site{T: t, folder: t.TempDir()}
	s.open()
	t.Cleanup(func() { _ = s.store.Close() })
	return s
}

func (s *site) path() string { return filepath.Join(s.folder, "dora-exporter.prom") }

func (s *site) logger() *slog.Logger { return slog.New(slog.NewTextHandler(&s.log, nil)) }

func (s *site) open() {
	s.Helper()
	var err error
	if s.store, err = sqlite.Open(s.Context(), filepath.Join(s.folder, "dora-exporter.db"), s.logger()); err != nil {
		s.Fatal(err)
	}
}

func (s *site) reopen() {
	s.Helper()
	if err := s.store.Close(); err != nil {
		s.Fatal(err)
	}
	s.open()
}

func (s *site) checkpoint(acceptStore bool) *Checkpoint {
	return New(s.path(), s.store, dora.Families(), acceptStore, s.logger())
}

// add adds the facts of one deployment status with a duration of n seconds.
func (s *site) add(n int64) {
	s.Helper()
	err := s.store.Update(s.Context(), func(tx dora.Tx) error {
		for family, value := range map[string]int64{
			dora.DeploymentsTotal: 1, dora.DeploymentsDurationSum: n * 1000, dora.DeploymentsDuration: n * 1000,
		} {
			f := dora.Fact{Family: family, Labels: success, Value: value, At: noon.Add(time.Duration(n) * time.Second), ID: n, Subject: fmt.Sprint(n)}
			if _, err := tx.Facts().Add(f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// restore does what the start does: the checkpoint's values, then the facts after its position.
func (s *site) restore(c *Checkpoint) (state dora.State, from int64, err error) {
	s.Helper()
	state, from, err = c.Restore(s.Context())
	if err != nil {
		return nil, 0, err
	}
	facts, err := s.store.Facts(s.Context(), from, 100_000)
	if err != nil {
		s.Fatal(err)
	}
	if err := state.Add(dora.FamiliesByName(), facts...); err != nil {
		s.Fatal(err)
	}
	return state, from, nil
}

func (s *site) mustRestore() (dora.State, int64) {
	s.Helper()
	state, from, err := s.restore(s.checkpoint(false))
	if err != nil {
		s.Fatal(err)
	}
	return state, from
}

// write writes a checkpoint with all facts.
func (s *site) write() {
	s.Helper()
	state, _ := s.mustRestore()
	last, err := s.store.LastPosition(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	if err := s.checkpoint(false).Write(s.Context(), state, last); err != nil {
		s.Fatal(err)
	}
}

func (s *site) put(name string, data []byte) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, name), data, 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *site) read(path string) []byte {
	s.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		s.Fatal(err)
	}
	return data
}

func (s *site) removeStore() {
	s.Helper()
	if err := s.store.Close(); err != nil {
		s.Fatal(err)
	}
	for _, name := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(filepath.Join(s.folder, "dora-exporter.db"+name))
	}
	s.open()
}

// two is the state after add(10) and add(20), above a baseline.
func two(base float64) dora.State {
	newest := dora.Series{Labels: success, Own: 20_000, At: noon.Add(20 * time.Second), ID: 20}
	if base != 0 {
		newest.Baseline = 2677.657175116
	}
	return dora.State{
		dora.DeploymentsTotal:       {success.Key(): {Labels: success, Own: 2, Baseline: base}},
		dora.DeploymentsDurationSum: {success.Key(): {Labels: success, Own: 30_000}},
		dora.DeploymentsDuration:    {success.Key(): newest},
	}
}

func wantState(t *testing.T, want, got dora.State) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRestoreWithoutAFile(t *testing.T) {
	s := newSite(t)
	state, _ := s.mustRestore()
	wantState(t, dora.State{}, state)
	s.add(10)
	s.add(20)
	state, from := s.mustRestore()
	wantState(t, two(0), state)
	if from != 0 {
		t.Errorf("from position %d, want 0", from)
	}
}

func TestRestoreOwn(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.write()
	s.add(20)
	s.reopen()
	state, from := s.mustRestore()
	wantState(t, two(0), state)
	if from != 3 {
		t.Errorf("from position %d, want 3", from)
	}
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

// only checks that exactly one file was set aside, and why.
func (s *site) only(why string) {
	s.Helper()
	aside, err := filepath.Glob(filepath.Join(s.folder, "*."+why))
	if err != nil || len(aside) != 1 {
		s.Errorf("set aside: %q, %v; want one .%s", aside, err, why)
	}
}

func TestRestoreTakesOverForeign(t *testing.T) {
	s := newSite(t)
	s.put("dora-exporter.prom", s.read("testdata/foreign.prom"))
	want := dora.State{
		dora.DeploymentsTotal: {
			inProgress.Key(): {Labels: inProgress, Baseline: 2}, success.Key(): {Labels: success, Baseline: 2},
		},
		dora.DeploymentsDuration: {
			inProgress.Key(): {Labels: inProgress, Baseline: 81011.119357812}, success.Key(): {Labels: success, Baseline: 2677.657175116},
		},
		dora.DeploymentsDurationSum: {
			inProgress.Key(): {Labels: inProgress, Baseline: 94778.17152176499}, success.Key(): {Labels: success, Baseline: 5294.0982427260005},
		},
	}
	incidents := dora.Labels{"project": "INC", "team": "Platform"}
	want[dora.Incidents] = map[string]dora.Series{incidents.Key(): {Labels: incidents, Baseline: 3}}
	want[dora.IncidentsDurationSum] = map[string]dora.Series{incidents.Key(): {Labels: incidents, Baseline: 9.223372036854775e+09}}
	state, _ := s.mustRestore()
	wantState(t, want, state)
	for _, part := range []string{"go_goroutines", "process_open_fds", "can hardly be true", "9.22337203685477"} {
		if !strings.Contains(s.log.String(), part) {
			t.Errorf("the log does not say %q:\n%s", part, s.log.String())
		}
	}

	// Killed before the first checkpoint, also with facts by then: it is known, and not added twice.
	s.reopen()
	state, _ = s.mustRestore()
	wantState(t, want, state)
	s.add(10)
	s.add(20)
	s.reopen()
	add := func(family string, own int64, at time.Time, id int64) {
		series := want[family][success.Key()]
		series.Own, series.At, series.ID = own, at, id
		want[family][success.Key()] = series
	}
	add(dora.DeploymentsTotal, 2, time.Time{}, 0)
	add(dora.DeploymentsDurationSum, 30_000, time.Time{}, 0)
	add(dora.DeploymentsDuration, 20_000, noon.Add(20*time.Second), 20)
	state, _ = s.mustRestore()
	wantState(t, want, state)

	// After a checkpoint it is the same, read back from there.
	s.write()
	s.reopen()
	state, from := s.mustRestore()
	wantState(t, want, state)
	if from != 6 {
		t.Errorf("from position %d, want 6", from)
	}
	// The checkpoint is lost, and later the foreign file is put back: base and all facts.
	if err := os.Remove(s.path()); err != nil {
		t.Fatal(err)
	}
	state, _ = s.mustRestore()
	wantState(t, want, state)
	s.put("dora-exporter.prom", s.read("testdata/foreign.prom"))
	state, _ = s.mustRestore()
	wantState(t, want, state)
}

func TestRestoreRefusesForeignBesideFacts(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.put("dora-exporter.prom", s.read("testdata/foreign.prom"))
	_, _, err := s.restore(s.checkpoint(false))
	if err == nil || !strings.Contains(err.Error(), s.path()) || !strings.Contains(err.Error(), s.store.Path()) {
		t.Errorf("error %v does not name both files", err)
	}
}

func TestRestoreRefusesWhatIsNotText(t *testing.T) {
	s := newSite(t)
	s.put("dora-exporter.prom", []byte("\x00\x01{{{ 7"))
	if state, _, err := s.restore(s.checkpoint(false)); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("state %v, error %v", state, err)
	}
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

// A checkpoint that is damaged anywhere gives the exact values or none.
func TestRestoreDamaged(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.write()
	s.add(20)
	s.write()
	whole := s.read(s.path())
	previous := s.read(s.path() + ".prev")
	damaged := map[string][]byte{}
	for i := range whole {
		damaged[fmt.Sprintf("cut at %d", i)] = whole[:i]
		flipped := bytes.Clone(whole)
		flipped[i] ^= 0x11
		damaged[fmt.Sprintf("flipped at %d", i)] = flipped
	}
	for name, data := range damaged {
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
			wantFrom := int64(0)
			if withPrevious {
				wantFrom = 3
			}
			if from != wantFrom {
				t.Fatalf("%s: from position %d, want %d", name, from, wantFrom)
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

func TestWriteLeavesTheOldFileWhenItFails(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.write()
	before := s.read(s.path())
	if err := os.MkdirAll(filepath.Join(s.path()+".tmp", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.checkpoint(false).Write(t.Context(), two(0), 6); err == nil {
		t.Error("no error")
	}
	if diff := cmp.Diff(string(before), string(s.read(s.path()))); diff != "" {
		t.Errorf("the file has changed: -want +got:\n%s", diff)
	}
}

func TestPlacesThatWillNotDo(t *testing.T) {
	s := newSite(t)
	for path, part := range map[string]string{
		filepath.Join(s.folder, "missing", "a.prom"): "make its folder with: mkdir -p " + filepath.Join(s.folder, "missing"),
		s.folder: "set the path of a file",
	} {
		c := New(path, s.store, dora.Families(), false, s.logger())
		_, _, err := s.restore(c)
		if err == nil {
			err = c.Write(t.Context(), dora.State{}, 0)
		}
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: error %v does not say %q", path, err, part)
		}
	}
}

func TestRestoreRefusesAnotherStoresCheckpointBesideFacts(t *testing.T) {
	other, s := newSite(t), newSite(t)
	other.add(10)
	other.write()
	s.add(20)
	s.put("dora-exporter.prom", other.read(other.path()))
	before := s.files()
	for range 2 {
		state, _, err := s.restore(s.checkpoint(true))
		if err == nil || !strings.Contains(err.Error(), s.path()) || !strings.Contains(err.Error(), s.store.Path()) {
			t.Errorf("state %v, error %v does not name both files", state, err)
		}
	}
	if diff := cmp.Diff(before, s.files()); diff != "" {
		t.Errorf("refused, but changed the files: -before +after:\n%s", diff)
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

func TestRestoreSaysWhatIsNotTakenOver(t *testing.T) {
	s := newSite(t)
	s.put("dora-exporter.prom", []byte(strings.Join([]string{
		"# TYPE github_deployments_total gauge", "github_deployments_total{" + successText + "} 7",
		"# TYPE github_deployments_duration gauge", `github_deployments_duration{environment="production",repo="shop",status="success"} 1`,
		"github_deployments_duration{" + successText + "} NaN",
		"# TYPE jira_incidents counter", `jira_incidents{project="INC",team="Platform"} 3 1772452800000`, "",
	}, "\n")))
	state, _ := s.mustRestore()
	incidents := dora.Labels{"project": "INC", "team": "Platform"}
	wantState(t, dora.State{dora.Incidents: {incidents.Key(): {Labels: incidents, Baseline: 3}}}, state)
	for _, part := range []string{"level=WARN", "github_deployments_total of type gauge", "labels are missing", "NaN"} {
		if !strings.Contains(s.log.String(), part) {
			t.Errorf("the log does not say %q:\n%s", part, s.log.String())
		}
	}
}
